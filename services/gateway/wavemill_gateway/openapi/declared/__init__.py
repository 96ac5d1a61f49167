"""All endpoints, in the order in which one meets them."""

from wavemill_gateway.openapi.declare import Endpoint
from wavemill_gateway.openapi.declared import (
    direct,
    follow,
    jobs,
    operations,
    results,
    tus,
    uploads,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *uploads.ENDPOINTS,
    *jobs.ENDPOINTS,
    *follow.ENDPOINTS,
    *results.ENDPOINTS,
    *tus.ENDPOINTS,
    *direct.ENDPOINTS,
    *operations.ENDPOINTS,
)

TAGS = {
    "Upload": "A file comes in whole, or in chunks: in any order, in parallel, and again.",
    "Convert": "An upload becomes a job; the job is durable before its 202 leaves.",
    "Follow": "A job's state, by polling or as Server-Sent Events.",
    "Download": "The results.",
    "Upload by tus": "[tus 1.0](https://tus.io): any of its clients, for large files"
    " over bad lines.",
    "Straight to S3": "Where S3 is the store, bytes need not pass the gateway. The paths are those"
    " of Uppy's Companion, made for `@uppy/aws-s3`; elsewhere they answer 404 `not_found`.",
    "Operate": "For those who run it.",
}

# What people see in a browser.
PAGES = frozenset({"/", "/assets/{name}", "/docs", "/docs/style.css"})
