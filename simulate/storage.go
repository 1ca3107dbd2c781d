package simulate

import "time"

// storage knows what the stream holds without asking it: the service holds all
// records for their retention, while the simulation lets go of those that all
// consumers have read. It counts what was put in periods that are a part of the
// retention long.
type storage struct {
	period         time.Duration
	records, bytes int64 // held
	long, archive  int64 // bytes of them held for longer than a day, and than a week

	ring  []held // by period; grows until it is most long
	most  int64
	now   int64 // the present period
	day   int64 // periods
	week  int64
	begun bool
}

// held is what was put in one period.
type held struct{ records, bytes int64 }

const (
	storagePeriods = 86_400 // that a retention is divided into
	day            = 24 * time.Hour
	week           = 7 * day
)

func newStorage(retention time.Duration) storage {
	period := max(time.Second, wholeSeconds(retention/storagePeriods))
	periods := func(d time.Duration) int64 { return max(1, int64((d+period-1)/period)) }
	return storage{period: period, most: periods(retention), day: periods(day), week: periods(week)}
}

// add counts what was put in the second that ends now.
func (st *storage) add(records, bytes int64, now time.Duration) {
	for at := int64((now - 1) / st.period); st.now < at || !st.begun; {
		if st.begun {
			st.now++
		}
		st.begun = true
		st.turn()
	}
	place := &st.ring[st.now%st.most]
	place.records += records
	place.bytes += bytes
	st.records += records
	st.bytes += bytes
}

// turn begins a period: what was put a retention ago expires.
func (st *storage) turn() {
	st.long += st.at(st.now - st.day).bytes
	week := st.at(st.now - st.week).bytes
	st.long -= week
	st.archive += week
	if int64(len(st.ring)) < st.most {
		st.ring = append(st.ring, held{})
		return
	}
	place := &st.ring[st.now%st.most]
	st.records -= place.records
	st.bytes -= place.bytes
	switch {
	case st.most > st.week:
		st.archive -= place.bytes
	case st.most > st.day:
		st.long -= place.bytes
	}
	*place = held{}
}

// at returns what was put in a period that is still held.
func (st *storage) at(period int64) held {
	if period < 0 || st.now-period >= st.most {
		return held{}
	}
	return st.ring[period%st.most]
}

// charge adds a second of what is held.
func (st *storage) charge(to *Storage) {
	const hours = 1.0 / 3600
	to.PeakRecords, to.PeakBytes = max(to.PeakRecords, st.records), max(to.PeakBytes, st.bytes)
	to.ByteHours += float64(st.bytes) * hours
	to.LongByteHours += float64(st.long) * hours
	to.ArchiveByteHours += float64(st.archive) * hours
}
