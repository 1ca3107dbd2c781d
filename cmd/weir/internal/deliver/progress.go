package deliver

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/delivery"
)

// Line returns what metrics say in a line.
func Line(m delivery.Metrics) string {
	line := "records " + records(m) + "; objects " + objects(m)
	if m.Freshness > 0 {
		line += "; the oldest is " + figures.Duration(m.Freshness.Truncate(time.Second)) + " old"
	}
	return line
}

// mostShards is how many shards have a line of their own.
const mostShards = 8

// Lines returns what is shown on a terminal.
func Lines(title string, since time.Duration, m delivery.Metrics) []string {
	lines := []string{
		fmt.Sprintf("%s   %v", title, since.Truncate(time.Second)),
		"records  " + records(m),
		"objects  " + objects(m),
		fmt.Sprintf("held     %s, the oldest %s old", figures.Bytes(float64(m.Held)), figures.Duration(m.Freshness.Truncate(time.Second))),
	}
	if len(m.Shards) == 0 {
		return append(lines, "no shard is this worker's yet")
	}
	lines = append(lines, fmt.Sprintf("%-22s %8s %10s %10s", "shard", "filling", "delivering", "behind"))
	for i, s := range m.Shards {
		if i == mostShards {
			lines = append(lines, fmt.Sprintf("and %s more", figures.Count(len(m.Shards)-i, "shard")))
			break
		}
		lines = append(lines, fmt.Sprintf("%-22v %8d %10d %10s", s.Shard, s.Buffers, s.Delivering, figures.Duration(s.Behind)))
	}
	return lines
}

func records(m delivery.Metrics) string {
	text := figures.Comma(m.IncomingRecords) + " read, " + figures.Comma(m.Delivered.Records) + " delivered"
	for _, c := range []struct {
		n    int64
		what string
	}{{m.Dropped, "dropped"}, {m.Errors.Records, "in the error output"}, {m.Backup.Records, "backed up"}} {
		if c.n > 0 {
			text += ", " + figures.Comma(c.n) + " " + c.what
		}
	}
	return text
}

func objects(m delivery.Metrics) string {
	text := fmt.Sprintf("%s of %s", figures.Comma(m.Delivered.Objects), figures.Bytes(float64(m.Delivered.Bytes)))
	if n := m.Delivered.BodyBytes; n > 0 && n != m.Delivered.Bytes {
		text += ", " + figures.Bytes(float64(n)) + " as written"
	}
	if n := m.Delivered.Failures + m.Errors.Failures + m.Backup.Failures; n > 0 {
		text += ", " + figures.Count(n, "failure")
	}
	return text
}
