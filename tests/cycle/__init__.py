"""Tests of whole cycles on the sandbox, over HTTP and the SDK's own session, judged by what is left."""
