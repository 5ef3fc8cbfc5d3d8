"""Ground floor: what several rooms ask of Keras, through its public interface alone.

In come Keras's own objects, models, layers and optimizers, whoever made them; out go plain answers:
a model's flat graph and the model cut in two (`graph`), its layers (`layers`), what draws random
numbers (`random_states`), an optimizer's parts (`optimizers`), batches as ``fit`` reads them best
(`for_fit`), what is used of all these as types (`types`, `fit_types`), and settings and code as
text that tells whether they changed (`describe`, `user_code`). Nothing of tlkit is known here but
its errors. Models are left as they were: weights, flags and what they are saved as. All but
`for_fit` import Keras inside functions: a room that needs no model loads no framework.
"""
