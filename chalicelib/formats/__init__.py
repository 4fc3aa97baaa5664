"""Thing models as the files of several vendors write them, from and to the model of core.

They stand apart from the dialects because each of them, and the operator, may need any.
"""
