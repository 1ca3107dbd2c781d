package simulate

import "time"

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
