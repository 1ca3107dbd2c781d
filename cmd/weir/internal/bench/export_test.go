package bench

import (
	"context"
	"time"

	"github.com/weirstream/weir/workload"
)

// PutBare puts the records that a producer of the bench would put as fast as it can,
// looks for errors as any producer has to, and neither counts nor measures. It returns the processor time it took.
func PutBare(ctx context.Context, target Target, w workload.Workload) (time.Duration, error) {
	r, err := newRun(Config{Workload: w, Target: target})
	if err != nil {
		return 0, err
	}
	defer r.close()
	begin, failed := cpuTime(), make(chan error, 1)
	go func() { failed <- putBare(ctx, target, r.rings[0], w) }()
	err = <-failed
	return cpuTime() - begin, err
}

func putBare(ctx context.Context, target Target, ring *ring, w workload.Workload) error {
	for left := w.Records; left > 0; {
		c := ring.next()
		left -= int64(len(c.entries))
		if w.Producers.Batch > 1 {
			results, err := target.PutRecords(ctx, c.entries)
			for i := range results {
				if results[i].Err != nil {
					return results[i].Err
				}
			}
			if err != nil {
				return err
			}
			continue
		}
		for i := range c.entries {
			if _, err := target.PutRecord(ctx, c.entries[i].PartitionKey, c.entries[i].Data); err != nil {
				return err
			}
		}
	}
	return nil
}
