package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/hangup"
	"github.com/weirstream/weir/cmd/weir/internal/line"
	"github.com/weirstream/weir/cmd/weir/internal/tail"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/eventpattern"
)

// tailFlags are the flags of weir tail.
type tailFlags struct {
	where  attach.Flags
	from   flagval.Position
	shards []string
	keys   []string
	filter pattern
	follow bool
	count  int
	json   bool
	raw    bool
	whole  bool
}

func newTail(getenv func(string) string) *cobra.Command {
	f := &tailFlags{}
	c := &cobra.Command{
		Use:   "tail STREAM",
		Short: "Show the records of a stream",
		Long: `Tail prints the records of a stream, a line each, oldest first, and ends at the tip; with
--follow it goes on with what is put then. STREAM is the name of a stream of the service
or, with --endpoint, of weir serve; or it is the directory of a stream on disk, such as
./orders.

A line has the time of arrival, the shard, the partition key and the data. Data that is
not plain text is shown in quotes, or in base64 behind "base64:". With --json a line is
an object, the one that weir consume gives to its command; with --raw it is the data and
nothing else. Aggregated records are taken apart, unless --whole.

--filter is a pattern of EventBridge and of Lambda's filters, such as '{"total":[{"numeric":
[">",100]}]}': only records are shown whose data is a JSON object that it matches. One that
is too complex to decide is shown, too. docs/eventpattern.md has the language.

The order of a shard is kept, and that of its parents. Tail reads by GetRecords, which
spends the read quota of the shards. With --follow an endpoint that goes away is told of
and waited for, and nothing is left out; without, it is an error. On Linux it ends when
nobody reads its output any more; elsewhere the next record shows that.`,
		Example: `  weir tail orders --endpoint http://127.0.0.1:4567 --from -5m
  weir tail ./orders --key customer-7
  weir tail orders --follow --raw | jq .total
  weir tail orders --filter '{"country":["de",{"prefix":"f"}]}' -n 10`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("one stream is needed, by name or directory; %d given", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0], getenv) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	f.where.Add(flags)
	flags.Var(&f.from, "from", "where to begin: horizon, latest, a time, or how long ago, such as -5m; with --follow latest if it is not given")
	flags.StringArrayVar(&f.shards, "shard", nil, "only this `SHARD`, by id or number; may be given again")
	flags.StringArrayVar(&f.keys, "key", nil, "only records of this partition `KEY`; may be given again")
	flags.Var(&f.filter, "filter", "only records whose data is a JSON object that this matches")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on at the tip, until ctrl-C")
	flags.VarP(flagval.Int{Value: &f.count, Min: 1, Max: 1 << 30}, "count", "n", "end after so many records")
	flags.BoolVar(&f.json, "json", false, "print each record as a JSON object")
	flags.BoolVar(&f.raw, "raw", false, "print the data alone")
	flags.BoolVar(&f.whole, "whole", false, "leave aggregated records whole")
	usage.AddGroups(c)
	return c
}

// A pattern is the value of a flag. The zero value shows all.
type pattern struct {
	text     string
	compiled *eventpattern.Pattern
}

// Set sets the pattern from text.
func (p *pattern) Set(text string) (err error) {
	p.text = text
	p.compiled, err = eventpattern.Compile([]byte(text))
	return err
}

// String returns what was set.
func (p *pattern) String() string { return p.text }

// Type returns what help calls the value.
func (p *pattern) Type() string { return "PATTERN" }

// shows reports whether a record is to be shown. What could not be decided is.
func (p *pattern) shows(data []byte) bool {
	if p.compiled == nil {
		return true
	}
	matches, err := p.compiled.Match(data)
	return matches || errors.Is(err, eventpattern.ErrTooComplex)
}

// errEnough says that as many records were printed as were asked for.
var errEnough = errors.New("enough")

func (f *tailFlags) run(c *cobra.Command, name string, getenv func(string) string) error {
	request, err := f.request(c.Flags().Changed("from"))
	if err != nil {
		return err
	}
	ctx := c.Context()
	f.where.Log = warnings(c.ErrOrStderr())
	stream, err := f.where.Open(ctx, name, getenv)
	if err != nil {
		return err
	}
	defer stream.Close()
	request.Stream = stream
	if stream.Local() {
		request.Interval = -1 // nobody else reads it
		if f.follow {
			return usage.Errorf("--follow: nobody puts into %s while it is open here", name)
		}
	}
	lost := &outage{c: c}
	request.Lost = lost.began
	request.Discarded = func(id weir.ShardID, at weir.SequenceNumber, left aggregate.Discarded) {
		what := "no user records"
		if left.Unreadable > 0 {
			what = figures.Count(int64(left.Unreadable), "user record") + " that cannot be read"
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s: %v, record %v is an aggregate with %s; --whole shows it\n", c.CommandPath(), id, at, what)
	}
	out, printed := c.OutOrStdout(), 0
	if f.follow {
		var stop func()
		ctx, stop = hangup.Context(ctx, out)
		defer stop()
	}
	err = tail.Read(ctx, request, func(r tail.Record) error {
		if len(f.keys) > 0 && !slices.Contains(f.keys, r.PartitionKey) || !f.filter.shows(r.Data) {
			return nil
		}
		if err := f.print(out, stream.Name(), r); err != nil {
			return err
		}
		if printed++; printed == f.count {
			return errEnough
		}
		return nil
	})
	switch {
	case err == errEnough, f.follow && ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil
	case err == nil && printed == 0:
		fmt.Fprintln(c.ErrOrStderr(), "There are no such records.")
	}
	return err
}

// An outage tells of errors that are waited for: of the first, and of one again
// when tellAgain has passed.
type outage struct {
	c    *cobra.Command
	mu   sync.Mutex // guards what follows
	told time.Time
}

// tellAgain is how long nothing more is told of what was told.
const tellAgain = 30 * time.Second

func (o *outage) began(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); o.told.IsZero() || now.Sub(o.told) >= tellAgain {
		o.told = now
		fmt.Fprintf(o.c.ErrOrStderr(), "%s: %v; it is tried again, until ctrl-C\n", o.c.CommandPath(), err)
	}
}

// request returns what is to be read, of a stream that is still to be opened.
func (f *tailFlags) request(fromGiven bool) (tail.Request, error) {
	r := tail.Request{From: f.from.At, Follow: f.follow, Whole: f.whole}
	switch {
	case f.json && f.raw:
		return r, usage.Errorf("--json and --raw exclude each other")
	case f.follow && !fromGiven:
		r.From = weir.Latest()
	case !f.follow && r.From == weir.Latest():
		return r, usage.Errorf("--from latest shows nothing without --follow")
	}
	for _, text := range f.shards {
		id, err := weir.ParseShardID(text)
		if n, bad := strconv.ParseUint(text, 10, 31); bad == nil {
			id, err = weir.ShardID(n), nil
		}
		if err != nil {
			return r, usage.Errorf("--shard %q: must be an id such as shardId-000000000003, or its number", text)
		}
		r.Shards = append(r.Shards, id)
	}
	return r, nil
}

// print prints a record.
func (f *tailFlags) print(w io.Writer, stream string, r tail.Record) error {
	var err error
	switch {
	case f.raw:
		_, err = fmt.Fprintf(w, "%s\n", r.Data)
	case f.json:
		l := line.Of(stream, r.Shard, &r.Record.Record)
		if sub := uint64(r.Sub); r.Aggregated {
			l.Sub = &sub
		}
		err = l.Write(w)
	default:
		_, err = fmt.Fprintf(w, "%s  %v  %s  %s\n", r.ArrivalTime.UTC().Format("2006-01-02T15:04:05.000Z"), r.Shard,
			shown(r.PartitionKey), shownData(r.Data))
	}
	return err
}

// shown returns text as it is, or in quotes if a terminal could take it for
// something else.
func shown(s string) string {
	plain := !strings.HasPrefix(s, `"`) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError })
	if plain && s != "" {
		return s
	}
	return strconv.Quote(s)
}

// shownData returns data as text.
func shownData(data []byte) string {
	if utf8.Valid(data) {
		return shown(string(data))
	}
	return "base64:" + base64.StdEncoding.EncodeToString(data)
}
