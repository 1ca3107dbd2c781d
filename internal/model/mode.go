package model

import (
	"math/big"
	"time"
)

// OnDemand reports whether the stream chooses the number of its shards.
func (s *Stream) OnDemand() bool { return s.scaling.onDemand }

// Auto reports whether the stream distributes records itself.
func (s *Stream) Auto() bool { return s.scaling.auto }

// Warm returns how many MiB/s are held ready.
func (s *Stream) Warm() int { return int(s.scaling.warm) }

// SetMode switches the mode, or says for how long that is refused.
func (s *Stream) SetMode(onDemand bool, now int64) (time.Duration, Fault) {
	s.CatchUp(now)
	c := &s.scaling
	switch {
	case onDemand == c.onDemand:
		return 0, OK
	case c.auto:
		return 0, WrongMode
	}
	c.switches = lastDay(c.switches, now)
	if len(c.switches) >= s.config.ModeSwitchesPerDay {
		return untilDayAfter(c.switches[0], now), TooManySwitches
	}
	c.switches = append(c.switches, now)
	c.warm = 0
	if c.onDemand = onDemand; onDemand {
		s.beginScaling(now)
	}
	return 0, OK
}

// SetAuto says whether the stream distributes records itself.
func (s *Stream) SetAuto(auto bool, now int64) Fault {
	s.CatchUp(now)
	if auto == s.scaling.auto {
		return OK
	}
	if auto && !s.OnDemand() {
		return WrongMode
	}
	s.scaling.auto, s.scaling.turn = auto, 0
	return OK
}

// nextTurn returns a hash of the shard whose turn it is.
func (s *Stream) nextTurn() *big.Int {
	open := s.Open()
	turn := s.scaling.turn % len(open)
	s.scaling.turn++
	return open[turn].Start
}

// SetWarm asks for capacity in advance.
func (s *Stream) SetWarm(mib int, now int64) Fault {
	if !s.OnDemand() {
		return WrongMode
	}
	if mib < 0 || int64(mib)<<20 > s.config.OnDemandBytes {
		return BadArgument
	}
	s.CatchUp(now)
	s.setWarm(int64(mib))
	return OK
}

// Load makes of the stream what a saved one is after it is loaded: what cannot
// be read is gone, limits and counts begin anew, and so does an on-demand
// stream, with the shards it has. Subscriptions are none.
func (s *Stream) Load(now int64) {
	s.CatchUp(now)
	s.beginAnew(now)
	for _, sh := range s.shards {
		if !sh.gone && !sh.Closed {
			sh.gaps = append(sh.gaps, len(sh.records))
		}
	}
	s.opensAfter = max(now/1e9, s.lastPut, s.opensAfter) + lostSeconds
	if s.OnDemand() {
		s.beginScaling(now)
	}
	s.dropExcess(now)
}

// Reopen makes of the stream what one on disk is after it was closed and opened
// again: limits and counts begin anew. Subscriptions are none.
func (s *Stream) Reopen(now int64) {
	s.beginAnew(now)
	s.dropExcess(now)
}

// beginAnew forgets what belongs to a process.
func (s *Stream) beginAnew(now int64) {
	s.forget(now)
	s.Counts = Counts{}
	for _, sh := range s.shards {
		sh.fillBuckets(s.config)
		if sh.gone {
			continue
		}
		for _, r := range sh.records {
			s.Counts.Records++
			s.Counts.Bytes += int64(r.size())
		}
	}
	for _, c := range s.consumers {
		c.latest = map[int]*Subscription{}
	}
	s.scaling.turn = 0
}
