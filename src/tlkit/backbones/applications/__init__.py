"""The models of keras.applications, one entry-point plugin per Keras module."""
