package main

import (
	"sync"

	"github.com/tidwall/wal"
)

// A tidwallLog is a tidwall/wal. Each entry must say its index, so that writers
// take turns.
type tidwallLog struct {
	mu    sync.Mutex
	log   *wal.Log
	last  uint64
	batch wal.Batch
}

func openTidwall(dir string, _ int) (diskLog, error) {
	log, err := wal.Open(dir, nil) // which syncs every write
	if err != nil {
		return nil, err
	}
	last, err := log.LastIndex()
	return &tidwallLog{log: log, last: last}, err
}

func (l *tidwallLog) close() error { return l.log.Close() }

func (l *tidwallLog) put(r *record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.log.Write(l.last+1, r.both); err != nil {
		return err
	}
	l.last++
	return nil
}

func (l *tidwallLog) putBatch(batch []record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batch.Clear()
	for i := range batch {
		l.batch.Write(l.last+1+uint64(i), batch[i].both)
	}
	if err := l.log.WriteBatch(&l.batch); err != nil {
		return err
	}
	l.last += uint64(len(batch))
	return nil
}

func (l *tidwallLog) count() (int, error) {
	first, err := l.log.FirstIndex()
	if err != nil || first == 0 {
		return 0, err
	}
	last, err := l.log.LastIndex()
	return int(last - first + 1), err
}
