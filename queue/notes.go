package queue

import (
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/clock"
)

func (m *machine) noteSkip(weir.ShardID, uint64)                             {}
func (m *machine) noteDue(clock.Instant)                                     {}
func (m *machine) noteBury(slot)                                             {}
func (m *machine) noteDeliver(slot, clock.Instant, clock.Instant)            {}
func (m *machine) noteNew(slot, *entry, int64, clock.Instant, clock.Instant) {}
func (m *machine) noteDone(slot, clock.Instant)                              {}
func (m *machine) noteReturn(slot, clock.Instant)                            {}
func (m *machine) noteExtend(slot, clock.Instant)                            {}
func (m *machine) noteRestore(slot)                                          {}
func (m *machine) noteExpired(slot, clock.Instant)                           {}
func (m *machine) noteUnblock(slot, clock.Instant)                           {}
