"""What every room shares: plain records, errors, text for people, requests over HTTP."""
