package main

import (
	"encoding/binary"
	"sync/atomic"

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

// A pebbleDiskLog is a pebble store on disk, keyed by a number that rises.
type pebbleDiskLog struct {
	db   *pebble.DB
	next atomic.Uint64
}

func openPebbleDisk(dir string, _ int) (diskLog, error) {
	db, err := pebble.Open(dir, &pebble.Options{MemTableSize: 64 << 20, MemTableStopWritesThreshold: 4, Logger: quiet{}})
	return &pebbleDiskLog{db: db}, err
}

func (l *pebbleDiskLog) close() error { return l.db.Close() }

func (l *pebbleDiskLog) put(r *record) error {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], l.next.Add(1))
	return l.db.Set(key[:], r.both, pebble.Sync)
}

func (l *pebbleDiskLog) putBatch(batch []record) error {
	b := l.db.NewBatchWithSize(len(batch) * (len(batch[0].both) + 16))
	var key [8]byte
	for i := range batch {
		binary.BigEndian.PutUint64(key[:], l.next.Add(1))
		if err := b.Set(key[:], batch[i].both, nil); err != nil {
			return err
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	return b.Close()
}

func (l *pebbleDiskLog) count() (n int, err error) {
	it, err := l.db.NewIter(nil)
	if err != nil {
		return 0, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	return n, it.Close()
}
