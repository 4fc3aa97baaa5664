"""What can go wrong in a deployment, as one line that says what to do."""


class DeployError(Exception):
    pass
