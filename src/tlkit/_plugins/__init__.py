"""Ground floor: plugins found, loaded one by one, and listed with what is wrong with them.

A room says what its plugins give, as a `group.PluginGroup`, and declares its hook beside the spec
that the hook returns. `discovery.discover` gives the specs with what there is to say of the
plugins, `listing.SpecList` prints both. Nothing here knows of backbones or engines but the names of
their hooks.
"""
