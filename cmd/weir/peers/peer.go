package main

import (
	"context"
	"runtime/debug"
)

// A peer is something that takes records and gives them back.
type peer struct {
	name   string
	module string // the module whose version is told; "" is Go itself
	note   string // what it does and does not do, and how it is used here
	counts counts
	open   func(r room) (log, error) // nil is one that is measured on disk only

	diskNote string                                           // how it is used on disk
	openDisk func(dir string, producers int) (diskLog, error) // in a directory that may be missing; nil is none
}

// A room says for how much a peer that must know beforehand makes room.
type room struct {
	records int
	skewed  bool // all of them may have one key
}

// counts says with how many records a peer is measured: a million, or less so that
// a cell takes no more than a second or so. They are for records of 100 bytes; see
// [config.scaled].
type counts struct {
	put   int // one by one
	batch int // in batches of [batchSize], then read
	wake  int
}

// A log is one that is open. What more it can do is told by the interfaces that it
// implements.
type log interface{ close() }

type putter interface{ put(r *record) error }

// A batcher takes up to batchSize records at a time, which it may not keep.
type batcher interface{ putBatch(batch []record) error }

// A flusher may return from put or putBatch before the records are stored; flush
// returns when all are.
type flusher interface{ flush() error }

// A reader reads all records from the beginning.
type reader interface{ read(s *sink) error }

// A drainer is a reader that takes out what it reads: it can be read once.
type drainer interface{ drains() }

// A follower calls got with the data of each record, those that are put later
// included, until ctx ends. It calls ready when it has begun.
type follower interface {
	follow(ctx context.Context, ready func(), got func(data []byte)) error
}

// offHeaper has memory that is not Go's.
type offHeaper interface{ offHeap() int64 }

// A sink takes what is read. It looks at a byte of each record's data, so that a
// peer which hands out views pays for fetching them from memory.
type sink struct {
	records int
	sum     uint64
}

func (s *sink) take(data []byte) {
	s.records++
	if n := len(data); n > 0 {
		s.sum += uint64(data[n-1])
	}
}

// The names of the peers, as -only takes them.
const (
	nameWeir      = "weir"
	nameWeirOne   = "weir-one-shard"
	nameChannel   = "channel"
	nameMemlog    = "memlog"
	nameSharded   = "memlog-sharded"
	nameJetStream = "jetstream"
	nameKfake     = "kfake"
	nameGochan    = "watermill"
	namePebble    = "pebble"
	nameBbolt     = "bbolt"
	nameTidwall   = "tidwall-wal"
	nameRaft      = "raft-wal"
)

// peers are all there are, weir first: the others are divided by it.
var peers = []peer{
	{name: nameWeir, module: weirModule, open: func(room) (log, error) { return openWeir(weirShards) },
		counts:   counts{put: 1_000_000, batch: 1_000_000, wake: 2000},
		note:     "8 shards, no limits: PutRecord; PutRecords; GetRecords of 10,000 views; a Reader that waits; a consumer.Group with leases in memory; package window.",
		openDisk: openWeirDisk, diskNote: "Open, 8 shards, no limits, Sync as it is by itself: PutRecord; PutRecords."},
	{name: nameWeirOne, module: weirModule, open: func(room) (log, error) { return openWeir(1) },
		counts: counts{put: 1_000_000, batch: 1_000_000, wake: 2000},
		note:   "The same with one shard: keys need not be hashed."},
	{name: nameChannel, open: openChannel,
		counts: counts{put: 1_000_000, batch: 1_000_000, wake: 2000},
		note: "Go's own, with a buffer made beforehand for all records. Each record is copied first, as the others do; " +
			"a batch is one send of 500 records copied into one block. Each record can be read once, by one reader; no hashing, position, time or retention."},
	{name: nameMemlog, module: "github.com/embano1/memlog", open: openMemlog,
		counts: counts{put: 1_000_000, batch: 1_000_000, wake: 500},
		note: "Write; ReadBatch of 10,000, which copies; Stream, which polls every 10 ms. Room for all records is made beforehand. " +
			"No keys (they are put in front of the data), no batches, no time seek."},
	{name: nameSharded, module: "github.com/embano1/memlog", open: openSharded,
		counts: counts{put: 1_000_000, batch: 1_000_000},
		note:   "Eight of them behind its own FNV sharder. Reads one record a call; nothing waits."},
	{name: nameJetStream, module: "github.com/nats-io/nats-server/v2", open: openJetStream,
		counts: counts{put: 20_000, batch: 200_000, wake: 1000},
		note: "Embedded server with a memory stream: Publish, acknowledged one by one, over an in-process connection; batches by the fast publisher of " +
			"orbit.go, acknowledged every 500; Consume of 10,000 without acknowledgements over loopback; " +
			"processed by a durable consumer that acknowledges each message. Speaks its network protocol even to itself; " +
			"the key is put in front of the data, and nothing is hashed.",
		openDisk: openJetStreamDisk, diskNote: "File storage with SyncAlways: Publish over one in-process connection that all producers share (as fast as one each), " +
			"synced message by message; batches by PublishMsgBatch of orbit.go, atomic, which is ten times as fast as its fast publisher here."},
	{name: nameKfake, module: "github.com/twmb/franz-go/pkg/kfake", open: openKfake,
		counts: counts{put: 10_000, batch: 500_000, wake: 1000},
		note: "franz-go as its client, over loopback, 8 partitions by key hash: ProduceSync; Produce with a flush at the end, idempotent, " +
			"no compression; PollFetches of up to 16 MiB; processed by a consumer group that commits after each poll. It keeps what the client encoded and does the work of a broker that is made for tests."},
	{name: nameGochan, module: "github.com/ThreeDotsLabs/watermill", open: openWatermill,
		counts: counts{put: 200_000, batch: 100_000, wake: 1000},
		note: "gochannel, persistent and without a subscriber for puts, which keeps the caller's payload without copying it; " +
			"read by a subscriber that acknowledges. It starts a goroutine for each message that a subscriber gets; the order is not kept. It has no windows: they are a loop written by hand."},
	{name: namePebble, module: "github.com/cockroachdb/pebble/v2", open: openPebble,
		counts: counts{put: 1_000_000, batch: 1_000_000},
		note: "A key-value store on its MemFS without write-ahead log and compression: Set, Batch and an iterator, with a number as the key and partition key " +
			"and data as the value. No hashing, no waiting reader.",
		openDisk: openPebbleDisk, diskNote: "Its log, memtables of 64 MiB, else its defaults: Set with Sync, which shares syncs; Batch committed with Sync."},
	{name: nameBbolt, module: "go.etcd.io/bbolt", openDisk: openBbolt,
		diskNote: "One bucket with its sequence as the key, FillPercent 1, no freelist on disk, hashmap freelist, 1 GiB mapped: Batch with MaxBatchSize 64 and " +
			"MaxBatchDelay 1 ms by 64 producers, Update by one and for batches. It keeps a tree: two syncs a transaction."},
	{name: nameTidwall, module: "github.com/tidwall/wal", openDisk: openTidwall,
		diskNote: "Its defaults, which sync every write: Write under a lock that gives out the index, which a caller has to; WriteBatch. It does not share syncs."},
	{name: nameRaft, module: "github.com/hashicorp/raft-wal", openDisk: openRaft,
		diskNote: "Its defaults, segments of 64 MiB made beforehand: StoreLog under a lock that gives out the index, which a caller has to; StoreLogs. " +
			"It does not share syncs."},
}

const (
	weirModule = "github.com/weirstream/weir"
	weirShards = 8
)

// version returns the version of the peer's module that the program was built with.
func (p peer) version() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case p.module == "" && ok:
		return info.GoVersion
	case p.module == weirModule || !ok:
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == p.module {
			return dep.Version
		}
	}
	return ""
}
