"""An index in Milvus, which many machines share: it keeps rows and ledger and finds candidates; ranking is ours."""
