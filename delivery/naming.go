package delivery

import (
	"fmt"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// A naming makes the names of objects.
type naming struct {
	prefixes
	name   string // of the delivery
	zone   *time.Location
	ending string // of objects for the sink
	raw    string // of raw records
}

// failureEnding is that of objects with what failed: JSON, one a line. Before it
// may stand one of the marks, so that an object does not replace another one
// that begins with the same record and has others.
const (
	failureEnding = ".errors.jsonl"
	givenUpMark   = "-given-up"
	backupMark    = "-backup"
)

// object returns the name of an object, which begins with a record; failure is
// the type of an error, and mark stands before the ending of one. No two objects
// have the same one: records differ in their places, and what fails or is backed
// up has an ending of its own.
func (n *naming) object(k kind, first *Record, keys []string, failure, mark string) (name string, err error) {
	at := placeText(first)
	v := values{arrival: first.ArrivalTime.In(n.zone), failure: failure, keys: keys, seed: n.name + "/" + at}
	p, ending := &n.good, n.ending
	switch k {
	case failed:
		p, ending = &n.bad, mark+failureEnding
	case backup:
		p, ending = &n.prefixes.raw, n.raw
	}
	before := p.evaluate(v)
	if c := utf8.RuneCountInString(before); c > MaxEvaluatedPrefix {
		return "", fmt.Errorf("the prefix has %d characters here; up to %d are allowed", c, MaxEvaluatedPrefix)
	}
	return before + n.name + "-" + v.arrival.Format("2006-01-02-15-04-05") + "-" + at + ending, nil
}

// placeText names a record of the stream, or a part of one.
func placeText(r *Record) string {
	at := fmt.Sprintf("%v-%v", r.ShardID(), r.SequenceNumber)
	if r.Sub != 0 || r.Part != 0 {
		at += fmt.Sprintf("-%d-%d", r.Sub, r.Part)
	}
	return at
}

// entry returns what an object is called within an archive.
func entryName(name, extension string) string {
	return strings.TrimSuffix(path.Base(name), extension)
}
