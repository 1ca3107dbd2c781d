package kinesistest

import (
	"fmt"
	"slices"
	"strings"
)

// AssertData fails the test unless the data of all records that were put into a
// stream is want, in order of arrival. It says where the two part, and which
// calls led there.
func (k *Fake) AssertData(stream string, want ...string) bool {
	k.t.Helper()
	got := k.Records(stream)
	if slices.Equal(got.Data(), want) {
		return true
	}
	i := 0
	for i < min(len(got), len(want)) && string(got[i].Data) == want[i] {
		i++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "kinesistest: records of %s: want %d, got %d, alike up to number %d\n", stream, len(want), len(got), i)
	if i < len(want) {
		fmt.Fprintf(&b, "want there: %q\n", want[i])
	} else {
		b.WriteString("want there: no more\n")
	}
	if i < len(got) {
		fmt.Fprintf(&b, "got:  %v\n", got[i])
	} else {
		b.WriteString("got:  no more\n")
	}
	calls := k.Calls().Where(func(c *Call) bool { return c.Stream == stream && strings.HasPrefix(c.Op, "Put") })
	fmt.Fprintf(&b, "the last puts:\n%v", calls[max(0, len(calls)-10):])
	k.t.Errorf("%s", b.String())
	return false
}

// AssertCalls fails the test unless an operation was called so many times,
// every attempt counted. It shows the calls that there were.
func (k *Fake) AssertCalls(op string, want int) bool {
	k.t.Helper()
	calls := k.Calls(op)
	if len(calls) != want {
		k.t.Errorf("kinesistest: calls of %s: want %d, got %d:\n%v", op, want, len(calls), calls[max(0, len(calls)-10):])
	}
	return len(calls) == want
}
