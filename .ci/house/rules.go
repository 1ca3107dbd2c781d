package main

// rules say what may be, and why where it is an exception. Packages are named by
// their directory; a name that ends in "/..." is all that lies below, too.
type rules struct {
	belowRoot map[string]string // who below internal/ may import the root, and why
	aboveRoot map[string]string // who else may, and why
	leaves    []string          // packages that import nothing of ours
	families  map[string]string // exported type → its file, where that has another name

	testFiles []string // of the root, named after no source file of its own

	commentColumns, fileLines, functionLines int
}

var house = rules{
	belowRoot: map[string]string{
		"internal/model/twins": "a test kit: it drives the engine and its naive twin side by side",
		"internal/goals":       "a test: it measures the engine",
		"internal/streamtest":  "a test kit: it makes streams and their records",
		"internal/crew":        "it is of what stands on the consumer, whose words are those of the engine",
	},
	aboveRoot: map[string]string{
		"delivery":      "what it delivers are records, named by their numbers",
		"eventsource":   "its words are those of the engine, as the consumer's are",
		"queue":         "it keeps state for single records, which it reads again by their index: a client has no such thing",
		"consumer":      "its words are those of the engine: records, shards, positions",
		"window":        "its words are those of the engine: records, shards, hash keys",
		"aggregate":     "what it packs are entries, and its hash keys are those of shards",
		"producer":      "it packs, routes and puts records: their keys, ranges and outcomes are the engine's values",
		"client/...":    "it is the way to the engine, and its kit drives any: all others take theirs from it",
		"simulate":      "it drives the engine by hand, in virtual time",
		"workload":      "it speaks of records and of how they are put",
		"examples/...":  "they show the engine to somebody who embeds it",
		"aws/...":       "the account is the service's face, which has more operations than a client needs",
		"cmd/...":       "the program wires everything together",
		"console/...":   "it shows streams as they are: their metrics, shards and records",
		"telemetry/...": "its figures are those of the engine and of what stands on it",
		"metrics":       "its example asks a stream for its counts; the package itself is a leaf",

		"delivery/collector":   "what it sends are records of a stream",
		"delivery/codec":       "its errors are those of all arguments",
		"delivery/jq":          "what it asks are records of package delivery",
		"delivery/parquet/...": "what it converts are records of package delivery; its example shows the engine",
		"delivery/readers":     "what it writes are records of package delivery",
	},
	leaves: []string{"metrics", "eventpattern"},
	families: map[string]string{
		"Batch": "iterator.go", "Page": "iterator.go", "Position": "iterator.go",
		"Entry": "record.go", "Placed": "record.go", "PutResult": "record.go",
		"Reshard": "reshard.go", "ShardQuery": "reshard.go", "ShardFilter": "reshard.go",
		"ShardID": "sequence.go", "SequenceNumber": "sequence.go",
		"Config": "stream.go", "Settings": "stream.go",
		"FullPolicy": "retention.go",
		"Consumer":   "fanout.go",
		"Snapshot":   "metrics.go", "ShardMetrics": "metrics.go", "ReaderMetrics": "metrics.go", "ConsumerMetrics": "metrics.go",
		"Storage": "metrics.go",
		"Mode":    "capacity.go", "Distribution": "capacity.go",
		"Quota": "limits.go", "LimitError": "limits.go",
		"HashKeyRange":  "hashkey.go",
		"ArgumentError": "errors.go", "IteratorExpiredError": "errors.go", "SequenceNumberError": "errors.go",
		"RecordsLostError": "errors.go", "StorageError": "errors.go",
		"StorageCheck": "check.go", "StorageFile": "check.go", "StorageDamage": "check.go",
	},
	testFiles:      []string{"example_test.go", "export_test.go", "model_test.go", "concurrency_test.go", "helpers_test.go", "invariants_test.go"},
	commentColumns: 80,
	fileLines:      600,
	functionLines:  100,
}
