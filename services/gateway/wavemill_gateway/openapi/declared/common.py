"""Parameters that several endpoints take."""

from wavemill_gateway.openapi.declare import Parameter

ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
INDEX = {"type": "integer", "minimum": 0, "maximum": 9999}
FLAG = {"type": "string", "enum": ["1"]}

FILE_ID = Parameter(name="fileId", where="path", what="The upload.", schema=ID, required=True)
JOB = Parameter(name="jobId", where="path", what="The job.", schema=ID, required=True)
JOB_ASKED = Parameter(name="jobId", what="The job.", schema=ID, required=True)
