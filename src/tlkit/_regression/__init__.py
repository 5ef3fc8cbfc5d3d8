"""Ground floor: linear readings of features, at their optimum.

In come features as arrays and class numbers; out go `coefficients`, and what they say of rows that
they have not seen (`nested`), their settings chosen on others still: of a logistic regression
(`search`), and where it is better of a `discriminant` analysis. `probing` measures features with
them, `features` whether a trunk at a low precision tells pictures apart as float32 does. Nothing
here knows of pictures or models. The solver is `logistic`; what is prepared once for all
regressions on the same rows, `regressions`.
"""
