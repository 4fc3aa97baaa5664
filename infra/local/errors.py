"""What can keep the local cloud from starting or running; each is told to a person as one line.

LocalCloudError
├── PortTaken        another program listens there
├── StateInUse       a second local cloud on the same state directory
├── StateUnusable    the state directory cannot be written, or was made by another version
├── DependencyMissing
├── EndpointsIncomplete  AWS_ENDPOINT_URL_… names one of the two servers that are needed
├── CredentialsMissing   servers of the operator's own are named, but no credentials for them
├── EmulatorFailed   ministack did not start, or ended by itself
└── TemplateError    infra/data.yaml says something that cannot be made here
"""


class LocalCloudError(Exception):
    """One line that says what is wrong and what to do about it."""


class PortTaken(LocalCloudError):
    pass


class StateInUse(LocalCloudError):
    pass


class StateUnusable(LocalCloudError):
    pass


class DependencyMissing(LocalCloudError):
    pass


class EndpointsIncomplete(LocalCloudError):
    pass


class CredentialsMissing(LocalCloudError):
    pass


class EmulatorFailed(LocalCloudError):
    pass


class TemplateError(LocalCloudError):
    pass
