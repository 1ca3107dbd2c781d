package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// A bboltLog is a bbolt file with one bucket, keyed by its sequence.
type bboltLog struct {
	db    *bbolt.DB
	alone bool // there is one producer
}

// bboltBucket is the name of the bucket.
var bboltBucket = []byte("peer")

const (
	// bboltBatch and bboltDelay were the best of those tried: a transaction begins
	// when all producers wait.
	bboltBatch = diskProducers
	bboltDelay = time.Millisecond
)

func openBbolt(dir string, producers int) (diskLog, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(filepath.Join(dir, "bbolt.db"), 0o600, &bbolt.Options{
		NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: 1 << 30,
	})
	if err != nil {
		return nil, err
	}
	db.MaxBatchSize, db.MaxBatchDelay = bboltBatch, bboltDelay
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bboltBucket)
		return err
	})
	return &bboltLog{db, producers == 1}, err
}

func (l *bboltLog) close() error { return l.db.Close() }

func (l *bboltLog) put(r *record) error {
	do := func(tx *bbolt.Tx) error { return appendBbolt(tx, r) }
	if l.alone {
		return l.db.Update(do)
	}
	return l.db.Batch(do)
}

func (l *bboltLog) putBatch(batch []record) error {
	return l.db.Update(func(tx *bbolt.Tx) error {
		for i := range batch {
			if err := appendBbolt(tx, &batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func appendBbolt(tx *bbolt.Tx, r *record) error {
	b := tx.Bucket(bboltBucket)
	b.FillPercent = 1 // keys only ever rise
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	return b.Put(binary.BigEndian.AppendUint64(nil, n), r.both)
}

func (l *bboltLog) count() (n int, err error) {
	err = l.db.View(func(tx *bbolt.Tx) error {
		n = tx.Bucket(bboltBucket).Stats().KeyN
		return nil
	})
	return n, err
}
