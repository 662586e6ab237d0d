"""arXiv's OAI-PMH service: client, harvester, harvest state, rate limit, taxonomy."""
