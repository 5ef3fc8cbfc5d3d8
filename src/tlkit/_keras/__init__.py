"""Ground floor: what several rooms ask of Keras, through its public interface alone."""
