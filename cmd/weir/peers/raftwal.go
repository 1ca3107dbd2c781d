package main

import (
	"errors"
	"os"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftwal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

// A raftLog is a hashicorp/raft-wal. Each entry must say its index, so that
// writers take turns.
type raftLog struct {
	mu    sync.Mutex
	log   *raftwal.WAL
	meta  *metadb.BoltMetaDB // its own, which it does not close
	last  uint64
	batch []*raft.Log
}

func openRaft(dir string, _ int) (diskLog, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	meta := new(metadb.BoltMetaDB)
	log, err := raftwal.Open(dir, raftwal.WithLogger(hclog.NewNullLogger()), raftwal.WithMetaStore(meta))
	if err != nil {
		return nil, err
	}
	l := &raftLog{log: log, meta: meta, batch: make([]*raft.Log, batchSize)}
	for i := range l.batch {
		l.batch[i] = new(raft.Log)
	}
	l.last, err = log.LastIndex()
	return l, err
}

func (l *raftLog) close() error { return errors.Join(l.log.Close(), l.meta.Close()) }

func (l *raftLog) put(r *record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.log.StoreLog(&raft.Log{Index: l.last + 1, Type: raft.LogCommand, Data: r.both}); err != nil {
		return err
	}
	l.last++
	return nil
}

func (l *raftLog) putBatch(batch []record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range batch {
		*l.batch[i] = raft.Log{Index: l.last + 1 + uint64(i), Type: raft.LogCommand, Data: batch[i].both}
	}
	if err := l.log.StoreLogs(l.batch[:len(batch)]); err != nil {
		return err
	}
	l.last += uint64(len(batch))
	return nil
}

func (l *raftLog) count() (int, error) {
	first, err := l.log.FirstIndex()
	if err != nil || first == 0 {
		return 0, err
	}
	last, err := l.log.LastIndex()
	return int(last - first + 1), err
}
