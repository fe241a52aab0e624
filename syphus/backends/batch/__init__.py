"""The Batch API of OpenAI and Azure: answers within a day, at half the price.

`batch` is the backend; `chunk` what is known of one file of requests; `ledger` makes that durable;
`filling` writes the files; `chunk_store` knows whose lines they hold; `remote` calls the endpoint,
and `remote_values` reads what it tells; `steps` takes one chunk a step on, `leading` all of them;
`results` takes the answers apart. `reading` tells of a run's batches without an endpoint.
"""
