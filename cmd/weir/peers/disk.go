package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// A diskLog is a log in a directory. What its put and putBatch have returned for
// is synced. Many may call put at a time.
type diskLog interface {
	putter
	// count returns how many records there are.
	count() (int, error)
	close() error
}

// What is measured on disk, synced: a record by each of many producers, by one,
// and a record of its batches.
const (
	durableNs      measure = "durable_ns"
	durableOneNs   measure = "durable_one_ns"
	durableBatchNs measure = "durable_batch_ns"
)

// diskProducers is how many there are where there are many.
const diskProducers = 64

// diskParts are the parts of the peers on disk.
func diskParts(load func() (*input, error)) []part {
	return []part{
		{"on disk, 64 producers", load, true, func(p peer, c config, in *input) (map[measure]float64, error) {
			return measureDisk(p, c, durableNs, diskProducers, func(l diskLog, i int) (int, error) {
				return 1, l.put(&in.records[i%keys])
			})
		}},
		{"on disk, one producer", load, true, func(p peer, c config, in *input) (map[measure]float64, error) {
			return measureDisk(p, c, durableOneNs, 1, func(l diskLog, i int) (int, error) {
				return 1, l.put(&in.records[i%keys])
			})
		}},
		{"on disk, batches", load, true, func(p peer, c config, in *input) (map[measure]float64, error) {
			return measureDisk(p, c, durableBatchNs, 1, func(l diskLog, i int) (int, error) {
				b, ok := l.(batcher)
				if !ok {
					return 0, errNoBatches
				}
				at := i * batchSize % keys
				return batchSize, b.putBatch(in.records[at : at+batchSize])
			})
		}},
	}
}

var errNoBatches = errors.New("takes no batches")

// measureDisk has producers put into a new log for a while. Then it opens the log
// again, and finds an error if it has not as many records as were acknowledged.
func measureDisk(p peer, c config, m measure, producers int, put func(l diskLog, i int) (int, error)) (map[measure]float64, error) {
	root, err := os.MkdirTemp("", "weir-peers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	if err := settle(root); err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "peer")
	l, err := p.openDisk(dir, producers)
	if err != nil {
		return nil, err
	}
	stored, took, err := produce(l, producers, c.diskTime(), put)
	if err := errors.Join(err, l.close()); err != nil {
		if errors.Is(err, errNoBatches) {
			return nil, nil
		}
		return nil, err
	}
	if err := recount(p, dir, stored); err != nil {
		return nil, err
	}
	return map[measure]float64{m: float64(took) / float64(stored)}, nil
}

// settle syncs a file, so that what the file system has still to do for the peer
// before is done.
func settle(dir string) error {
	f, err := os.Create(filepath.Join(dir, "settled"))
	if err != nil {
		return err
	}
	_, err = f.Write([]byte("settled"))
	return errors.Join(err, f.Sync(), f.Close())
}

// produce returns how many records producers put, each at least one, and how long
// it took until the last was acknowledged.
func produce(l diskLog, producers int, during time.Duration, put func(l diskLog, i int) (int, error)) (int, time.Duration, error) {
	var (
		all    sync.WaitGroup
		stored atomic.Int64
		errs   = make([]error, producers)
		begin  = time.Now()
	)
	for p := range producers {
		all.Go(func() {
			for i := p; ; i += producers {
				n, err := put(l, i)
				if err != nil {
					errs[p] = err
					return
				}
				stored.Add(int64(n))
				if time.Since(begin) >= during {
					return
				}
			}
		})
	}
	all.Wait()
	return int(stored.Load()), time.Since(begin), errors.Join(errs...)
}

// recount opens a log again and counts.
func recount(p peer, dir string, stored int) error {
	l, err := p.openDisk(dir, 1)
	if err != nil {
		return fmt.Errorf("opening it again: %w", err)
	}
	n, err := l.count()
	if err == nil && n != stored {
		err = fmt.Errorf("%d records are there of %d that were acknowledged", n, stored)
	}
	return errors.Join(err, l.close())
}
