"""Files into papers: JSONL, CSV, TSV and plain lines, as a job like the harvest."""
