package simulate

import (
	"context"
	"time"
)

// HeldOver returns what is charged for storage when a record of so many bytes is put
// each second for a time.
func HeldOver(retention, lasts time.Duration, bytes int64) (sum Storage) {
	st := newStorage(retention)
	for now := time.Second; now <= lasts; now += time.Second {
		st.add(1, bytes, now)
		st.charge(&sum)
	}
	return sum
}

// FirstPoll returns how long after its beginning a consumer polls a shard first.
func FirstPoll(shard, consumer int, poll time.Duration) time.Duration {
	return time.Duration(scatter(shard, consumer) * float64(poll))
}

// ByHashes looks by hashes alone for numbers of shards that are not enough, as
// [FindShards] does once it knows how much of the traffic one shard takes.
func ByHashes(ctx context.Context, c Config, mostShare float64, shards int) (Fit, error) {
	f, err := newFitter(ctx, c, 0)
	if err != nil {
		return Fit{}, err
	}
	f.fit.MostShare, f.fit.Shards, f.offered = mostShare, shards, 1_000_000
	err = f.worse()
	return f.fit, err
}
