package model

import "time"

// A bucket holds tokens, exactly: in billionths, of which rate flow in each
// nanosecond. The zero bucket limits nothing.
type bucket struct {
	rate  int64 // tokens a second
	size  int64 // billionths
	level int64 // billionths; a little below zero after what passed for less than a nanosecond
	at    int64 // the time of level
}

// A clock never goes back. It stands still until a reading that went back by a
// second at most is made up for, and goes on from where it stood after one that
// went back further.
type clock struct{ last, shift int64 }

// read returns the clock's time, and what a reading has to make up for.
func (c *clock) read(now int64) (at, behind int64) {
	if now+c.shift < c.last-1e9 {
		c.shift = c.last - now
	}
	behind = max(0, c.last-now-c.shift)
	c.last = max(c.last, now+c.shift)
	return c.last, behind
}

// newBucket returns a full bucket.
func newBucket(rate, size int64) bucket {
	return bucket{rate: rate, size: size * 1e9, level: size * 1e9}
}

func (b *bucket) limits() bool { return b.rate != 0 }

func (b *bucket) fill(now int64) {
	if elapsed := now - b.at; elapsed >= (b.size-b.level)/b.rate+1 {
		b.level = b.size
	} else {
		b.level = min(b.size, b.level+elapsed*b.rate)
	}
	b.at = now
}

// wait returns after how long from now n tokens pass; what the bucket cannot
// hold passes when it is full.
func (b *bucket) wait(n int, now int64) time.Duration {
	if !b.limits() {
		return 0
	}
	b.fill(now)
	missing := min(int64(n)*1e9, b.size) - b.level
	if missing < b.rate { // less than a nanosecond's refill
		return 0
	}
	return time.Duration((missing + b.rate - 1) / b.rate)
}

// take takes n tokens, or all there are, in whole ones.
func (b *bucket) take(n int, now int64) {
	if !b.limits() {
		return
	}
	b.fill(now)
	if int64(n)*1e9 <= b.size && int64(n)*1e9-b.level < b.rate {
		b.level -= int64(n) * 1e9
		return
	}
	b.level -= max(0, b.level/1e9*1e9)
}

// The limits by name.
const (
	WriteRecords = "write records per second"
	WriteBytes   = "write bytes per second"
	ReadCalls    = "read calls per second"
	ReadBytes    = "read bytes per second"
)

// takeWrite takes one record's share of the write limits, or nothing.
func (sh *Shard) takeWrite(size int, now int64) (refusing []Limit) {
	now, back := sh.writeClock.read(now)
	bytes := &sh.writeBytes
	if bytes.limits() && int64(size)*1e9 > bytes.size && sh.burst.limits() {
		bytes = &sh.burst
	}
	if wait := bytes.wait(size, now); wait > 0 {
		refusing = append(refusing, Limit{WriteBytes, wait + time.Duration(back)})
	}
	if wait := sh.writeRecords.wait(1, now); wait > 0 {
		refusing = append(refusing, Limit{WriteRecords, wait + time.Duration(back)})
	}
	if refusing == nil {
		sh.writeRecords.take(1, now)
		sh.writeBytes.take(size, now)
		sh.burst.take(size, now)
	}
	return refusing
}

// takeRead admits one call of GetRecords, or says what refuses it.
func (sh *Shard) takeRead(now int64) (refusing []Limit) {
	now, back := sh.readClock.read(now)
	if now < sh.blocked {
		return []Limit{{ReadBytes, time.Duration(sh.blocked - now + back)}}
	}
	if wait := sh.readCalls.wait(1, now); wait > 0 {
		return []Limit{{ReadCalls, wait + time.Duration(back)}}
	}
	sh.readCalls.take(1, now)
	return nil
}

// chargeRead pays for what a call returned: from the bucket if that holds so
// much, else by locking the shard for as long as size takes at the limit, at
// the end of which the bucket has no whole token.
func (sh *Shard) chargeRead(size int, now int64) {
	b := &sh.readBytes
	if !b.limits() || size == 0 {
		return
	}
	now, _ = sh.readClock.read(now)
	b.fill(now)
	if int64(size)*1e9 <= b.size && int64(size)*1e9-b.level < b.rate {
		b.level -= int64(size) * 1e9
		return
	}
	sh.blocked = now + (int64(size)*1e9+b.rate-1)/b.rate
	b.take(int(b.size/1e9), sh.blocked)
}
