// Package top shows the hottest streams and shards of an endpoint or a directory
// as text: once, or over and over on a terminal.
package top

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/weirstream/weir/cmd/weir/internal/table"
	"github.com/weirstream/weir/console"
)

// A Look returns what there is to show.
type Look func(ctx context.Context) (console.Top, error)

// Endpoint looks at a running weir serve. user and password are for one that has
// keys; user is empty for others.
func Endpoint(endpoint, user, password string) (Look, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL such as http://127.0.0.1:4567", endpoint)
	}
	address := strings.TrimSuffix(endpoint, "/") + "/_weir/top.json"
	client := &http.Client{Timeout: answerWithin}
	return func(ctx context.Context) (t console.Top, err error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return t, err
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		answer, err := client.Do(r)
		if err != nil {
			return t, silence(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return t, refusal(answer)
		}
		err = json.NewDecoder(io.LimitReader(answer.Body, mostAnswer)).Decode(&t)
		if err != nil {
			return t, fmt.Errorf("%s: what answers is no weir serve: %w", endpoint, err)
		}
		makePlain(&t)
		return t, nil
	}, nil
}

// silence says why nothing answers, the reason first: a terminal may be narrow.
func silence(err error) error {
	var asked *url.Error
	switch {
	case !errors.As(err, &asked):
		return err
	case asked.Timeout():
		return fmt.Errorf("no answer within %v from %s", answerWithin, asked.URL)
	}
	return fmt.Errorf("no answer: %w", asked.Err)
}

// plain returns a text without what a terminal would act on: whoever answers
// wrote it.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, text)
}

func makePlain(t *console.Top) {
	for i := range t.Streams {
		s := &t.Streams[i]
		s.At, s.Name, s.Status, s.Mode = plain(s.At), plain(s.Name), plain(s.Status), plain(s.Mode)
		for j := range s.Shards {
			s.Shards[j].ID = plain(s.Shards[j].ID)
		}
	}
}

const (
	answerWithin = 10 * time.Second
	mostAnswer   = 64 << 20
)

// refusal says why an endpoint does not tell.
func refusal(answer *http.Response) error {
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return errors.New("the endpoint has keys: set WEIR_ACCESS_KEY and WEIR_SECRET_KEY")
	case http.StatusForbidden:
		return errors.New("the console of the endpoint answers its own machine only: weir serve --console remote allows others")
	case http.StatusNotFound:
		return errors.New("what answers has no console: it is no weir serve, or one with --console off")
	}
	return errors.New("the endpoint answers " + answer.Status)
}

// How many rows there are, and how many seconds a character of the last minute
// stands for.
const (
	mostStreams  = 10
	secondsAChar = 2
)

// heading says when it was, how many streams there are, and what goes into them.
func heading(t console.Top) string {
	var shown float64
	for _, s := range t.Streams {
		shown += s.RecordsPerSecond
	}
	// An endpoint of an earlier version tells of those alone that it shows.
	return fmt.Sprintf("weir top  %s  %s, %s records/s in", t.At.Format("15:04:05"),
		streams(max(t.Total, len(t.Streams)+t.Unseen)), count(max(t.RecordsPerSecond, shown)))
}

// Lines returns what is shown: streams and the hottest of all shards.
func Lines(t console.Top, shards int) []string {
	lines := []string{heading(t)}
	if t.Unseen > 0 {
		lines = append(lines, fmt.Sprintf("%d streams were not looked at: there are too many", t.Unseen))
	}
	streams := table.New("", []string{"stream", "mode", "shards", "records/s", "bytes/s", "out/s", "throttled/min", "age", "held"}, "mode")
	for _, s := range t.Streams[:min(len(t.Streams), mostStreams)] {
		streams.Row(s.Name, cmp.Or(s.Mode, s.Status), strconv.Itoa(s.OpenShards), count(s.RecordsPerSecond), bytes(s.BytesPerSecond),
			count(s.OutPerSecond), strconv.FormatInt(s.Throttled, 10), (time.Duration(s.AgeMillis) * time.Millisecond).Round(100*time.Millisecond).String(), bytes(float64(s.BytesHeld)))
	}
	hot := hottest(t, shards)
	rows := table.New("", []string{"shard", "stream", "records/s", "bytes/s", "now", "busiest second", "throttled/min", "last minute, each second beside the limit"},
		"stream", "last minute, each second beside the limit")
	for _, h := range hot {
		now, peak := "-", "-" // without a limit
		if h.Load > 0 || h.Peak > 0 {
			now, peak = percent(h.Load), percent(h.Peak)
		}
		rows.Row(h.ID, h.stream, count(h.RecordsPerSecond), bytes(h.BytesPerSecond), now, peak, strconv.FormatInt(h.Throttled, 10), minute(h.Seconds))
	}
	for _, text := range []string{streams.String(), rows.String()} {
		lines = append(lines, "")
		lines = append(lines, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	}
	return lines
}

type hotShard struct {
	console.TopShard
	stream string
}

// hottest returns the hottest shards of all streams: those throttled, then by
// load, peak and rate.
func hottest(t console.Top, most int) (list []hotShard) {
	for _, s := range t.Streams {
		for _, sh := range s.Shards {
			list = append(list, hotShard{sh, s.Name})
		}
	}
	slices.SortStableFunc(list, func(a, b hotShard) int {
		return cmp.Or(cmp.Compare(b.Throttled, a.Throttled), cmp.Compare(b.Load, a.Load), cmp.Compare(b.Peak, a.Peak), cmp.Compare(b.RecordsPerSecond, a.RecordsPerSecond))
	})
	return list[:min(most, len(list))]
}

var levels = []rune(" ▁▂▃▄▅▆▇█")

// minute returns loads as a line: a character for the busiest of so many seconds,
// ! where that was at the limit or beyond.
func minute(loads []float64) string {
	var b strings.Builder
	for part := range slices.Chunk(loads, secondsAChar) {
		switch most := slices.Max(part); {
		case most >= 1:
			b.WriteByte('!')
		case most > 0:
			b.WriteRune(levels[1+int(most*float64(len(levels)-1))])
		default:
			b.WriteByte('.')
		}
	}
	return b.String()
}

func percent(share float64) string { return strconv.Itoa(int(share*100+0.5)) + "%" }

// count returns a number without a fraction, unless it is small.
func count(n float64) string {
	if n > 0 && n < 10 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

func bytes(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			if unit == "B" {
				return count(n) + " B"
			}
			return strconv.FormatFloat(n, 'f', 1, 64) + " " + unit
		}
		n /= 1024
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + " TiB"
}

// streams says how many there are.
func streams(n int) string {
	if n == 1 {
		return "1 stream"
	}
	return fmt.Sprintf("%d streams", n)
}
