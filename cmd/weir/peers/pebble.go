package main

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A pebbleLog is a pebble store in memory, keyed by a number that rises.
type pebbleLog struct {
	db   *pebble.DB
	next uint64
	key  [8]byte
}

func openPebble(room) (log, error) {
	options := &pebble.Options{
		FS: vfs.NewMem(), DisableWAL: true, MemTableSize: 64 << 20, Logger: quiet{},
		CacheSize: 64 << 20,
	}
	options.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	db, err := pebble.Open("peer", options)
	return &pebbleLog{db: db}, err
}

// quiet logs nothing.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

func (l *pebbleLog) close() { l.db.Close() }

// number returns the key of the next record. It is valid until the next call.
func (l *pebbleLog) number() []byte {
	l.next++
	binary.BigEndian.PutUint64(l.key[:], l.next)
	return l.key[:]
}

func (l *pebbleLog) put(r *record) error {
	return l.db.Set(l.number(), r.both, pebble.NoSync)
}

func (l *pebbleLog) putBatch(batch []record) error {
	b := l.db.NewBatchWithSize(len(batch) * (len(batch[0].both) + 16))
	for i := range batch {
		if err := b.Set(l.number(), batch[i].both, nil); err != nil {
			return err
		}
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return err
	}
	return b.Close()
}

func (l *pebbleLog) read(s *sink) error {
	it, err := l.db.NewIter(nil)
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		s.take(it.Value())
	}
	return it.Close()
}

// offHeap returns the bytes of memtables and cache, which pebble allocates by itself.
func (l *pebbleLog) offHeap() int64 {
	m := l.db.Metrics()
	return int64(m.MemTable.Size) + m.BlockCache.Size
}
