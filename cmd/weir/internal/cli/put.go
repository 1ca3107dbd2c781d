package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/cmd/weir/internal/entries"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/headway"
	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/producer"
)

// putFlags are the flags of weir put.
type putFlags struct {
	where     attach.Flags
	format    string
	key       entries.Key
	limits    flagval.Limits
	rate      int
	shards    int
	aggregate bool
	ordered   bool
	giveUp    time.Duration
	json      bool
}

func newPut(getenv func(string) string) *cobra.Command {
	// The producer paces and counts what is put again.
	f := &putFlags{format: entries.Lines, giveUp: 30 * time.Second, where: attach.Flags{Once: true}}
	c := &cobra.Command{
		Use:   "put STREAM [FILE]...",
		Short: "Put records from files or standard input",
		Long: `Put puts the records of files, or of standard input, and says what became of them. STREAM
is the name of a stream of the service or, with --endpoint, of weir serve; or it is the
directory of a stream on disk, such as ./orders.

--format says how records stand in a file:

  lines     the data is a line, without its end; blank lines are left out
  json      the same, and the line must be JSON
  records   a line is an object with "key" and "text" or, in base64, "data", and maybe
            "hash", as weir tail --json prints it
  lengths   before the data stands its length: four bytes, the highest first

--key says which partition key they have: random ones, =TEXT for all the same, the number
of a column in the line, or a field of the JSON such as .user.id.

Records are put in batches, those that a limit refuses again, until --give-up. A shard of
an endpoint gets no more than the service's limits let it take, unless --limits none says
that it has none. What is read and not yet put is bounded by what was put lately. What
cannot be put is told, the rest goes on, and the exit status is 1.`,
		Example: `  weir put orders --endpoint http://127.0.0.1:4567 --format json --key .customer orders.jsonl
  seq 1000 | weir put ./orders --shards 4      # makes the directory if there is none
  weir tail orders --json | weir put copy --format records --ordered
  weir put clicks --aggregate --rate 50000 --key 1 access.log`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage.Errorf("a stream is needed, by name or directory")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0], args[1:], getenv) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	f.where.Add(flags)
	flags.Var(flagval.Choice{Value: &f.format, Words: entries.Formats}, "format", "how records stand in a file: lines, json, records or lengths")
	flags.Var(&f.key, "key", "the partition key: random, =TEXT, the number of a column, or a field such as .user.id")
	flags.Var(&f.limits, "limits", "limits that the shards of an endpoint have, service or none, as of weir serve; a directory has none")
	flags.Var(flagval.Int{Value: &f.rate, Min: 1, Max: 1 << 30}, "rate", "put so many records a second at most")
	flags.BoolVar(&f.aggregate, "aggregate", false, "pack small records into one, as the Kinesis Producer Library does")
	flags.BoolVar(&f.ordered, "ordered", false, "keep the records of a key in order through any failure; few keys are then quick with --aggregate only")
	flags.Var(flagval.Duration{Value: &f.giveUp, Max: 24 * time.Hour}, "give-up", "how long a record is tried to be put; at least 100ms")
	flags.Var(flagval.Int{Value: &f.shards, Min: 1, Max: 10_000}, "shards", "make the stream in a directory if there is none, with so many shards")
	addJSON(flags, &f.json, "summary")
	usage.AddGroups(c)
	return c
}

// minGiveUp is how long a record is tried to be put at least.
const minGiveUp = 100 * time.Millisecond

// A putting is a run of weir put.
type putting struct {
	*putFlags
	c        *cobra.Command
	producer *producer.Producer
	limit    *rate.Limiter
	window   *headway.Window
	progress *putProgress

	mu     sync.Mutex // guards what follows
	result putResult
	told   int // how many failures
}

// A putResult is what weir put has done.
type putResult struct {
	Records    int64   `json:"records"` // that were put
	Bytes      int64   `json:"bytes"`   // of their data and keys
	Failed     int64   `json:"failed"`
	Unreadable int64   `json:"unreadable"`
	Seconds    float64 `json:"seconds"`
	Retries    int64   `json:"retries"`
	Throttled  int64   `json:"throttled"`
	Calls      int64   `json:"calls"`
	Aggregates int64   `json:"aggregates,omitempty"`
}

func (f *putFlags) run(c *cobra.Command, name string, files []string, getenv func(string) string) error {
	if err := f.check(); err != nil {
		return err
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	if err := checkFiles(files); err != nil {
		return err
	}
	ctx := c.Context()
	f.where.Log = warnings(c.ErrOrStderr())
	stream, err := f.open(ctx, name, getenv)
	if err != nil {
		return err
	}
	defer stream.Close()
	p, err := producer.New(f.config(stream))
	if err != nil {
		return usage.Error{Err: err}
	}
	run := &putting{putFlags: f, c: c, producer: p, limit: rate.NewLimiter(rate.Inf, 1), window: headway.New(f.giveUp), progress: newPutProgress(c)}
	if f.rate > 0 {
		run.limit = rate.NewLimiter(rate.Limit(f.rate), max(1, f.rate/100))
	}
	began := time.Now()
	err = run.files(ctx, files)
	if ended := run.finish(); err == nil {
		err = ended
	}
	run.progress.bar.Close()
	if ctx.Err() != nil {
		err = errInterrupted
	}
	return errors.Join(run.print(time.Since(began)), err)
}

// open opens the stream, or makes it in a directory.
func (f *putFlags) open(ctx context.Context, name string, getenv func(string) string) (attach.Stream, error) {
	dir := attach.IsDir(name)
	switch {
	case f.shards > 0 && !dir:
		return attach.Stream{}, usage.Errorf("--shards is for a directory such as ./%s", name)
	case f.shards > 0:
		return f.where.Create(name, f.shards)
	}
	s, err := f.where.Open(ctx, name, getenv)
	if errors.Is(err, attach.ErrNoStream) {
		err = fmt.Errorf("%w; --shards 1 makes a stream of one shard there", err)
	}
	return s, err
}

// config returns how records are put to a stream.
func (f *putFlags) config(s attach.Stream) producer.Config {
	c := producer.Config{Stream: s.Stream, Aggregate: f.aggregate, Ordered: f.ordered, TTL: f.giveUp}
	if f.limits.None {
		c.Rate = -1
	}
	if !s.Local() {
		// How large its records may be is a setting, which the stream knows.
		c.RecordBytes = weir.MaxRecordBytes
	}
	return c
}

// checkFiles returns an error if a file cannot be read, before anything of the
// others is put.
func checkFiles(names []string) error {
	for _, name := range names {
		if name == "-" {
			continue
		}
		if info, err := os.Stat(name); err != nil {
			return err
		} else if info.IsDir() {
			return fmt.Errorf("%s: is a directory, and no file of records", name)
		}
	}
	return nil
}

func (f *putFlags) check() error {
	switch {
	case f.giveUp < minGiveUp:
		return usage.Errorf("--give-up %v: must be %v at least", f.giveUp, minGiveUp)
	case f.key.NeedsText() && f.format == entries.Records:
		return usage.Errorf("--key: records of --format records have their own keys")
	case f.key.NeedsText() && f.format == entries.Lengths:
		return usage.Errorf("--key %s: data of --format lengths has neither columns nor fields", f.key.String())
	case f.key.NeedsJSON() && f.format != entries.JSON:
		return usage.Errorf("--key %s: only --format json has fields", f.key.String())
	}
	return nil
}

// files puts the records of some files.
func (r *putting) files(ctx context.Context, names []string) error {
	for _, name := range names {
		from, shown := r.c.InOrStdin(), "standard input"
		if name != "-" {
			file, err := os.Open(name)
			if err != nil {
				return err
			}
			defer file.Close()
			from, shown = file, name
		}
		if err := r.file(ctx, shown, entries.New(input.ReadUntil(ctx, from), r.format, r.key)); err != nil {
			return err
		}
	}
	return nil
}

// file puts the records of a file.
func (r *putting) file(ctx context.Context, name string, s *entries.Source) error {
	for {
		e, err := s.Next()
		var bad *entries.BadError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &bad):
			r.fail(fmt.Errorf("%s, %w", name, err), &r.result.Unreadable)
			continue
		case err != nil:
			return fmt.Errorf("%s, %w", name, err)
		}
		if err := r.limit.Wait(ctx); err != nil {
			return err
		}
		if err := r.window.Enter(ctx); err != nil {
			return err
		}
		at, size := s.Number(), len(e.Data)+len(e.PartitionKey)
		err = r.producer.PutAsync(ctx, e, func(o producer.Outcome) {
			if o.Err != nil {
				o.Err = fmt.Errorf("%s, %w", name, &entries.BadError{Number: at, Err: o.Err})
			}
			r.done(o, size)
		})
		if err != nil {
			r.window.Leave(false)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, weir.ErrInvalidArgument), errors.Is(err, producer.ErrTooLarge):
			r.fail(fmt.Errorf("%s, %w", name, &entries.BadError{Number: at, Err: err}), &r.result.Failed)
		case err != nil:
			return err
		}
	}
}

// done takes in what became of a record.
func (r *putting) done(o producer.Outcome, size int) {
	r.window.Leave(o.Err == nil)
	if o.Err != nil {
		r.fail(o.Err, &r.result.Failed)
		return
	}
	r.mu.Lock()
	r.result.Records++
	r.result.Bytes += int64(size)
	n := r.result.Records
	r.mu.Unlock()
	r.progress.show(n)
}

// maxTold is how many failures are told one by one.
const maxTold = 5

// fail counts a failure, and tells it if there were not many yet.
func (r *putting) fail(err error, count *int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*count++
	if r.told++; r.told <= maxTold {
		r.progress.tell(r.c.ErrOrStderr(), fmt.Sprintf("%s: %v\n", r.c.CommandPath(), err))
	}
}

// finishWithin is how long what was taken in may take after an interruption.
const finishWithin = 10 * time.Second

// finish puts what is still to be put.
func (r *putting) finish() error {
	ctx := context.Background()
	if r.c.Context().Err() != nil {
		limited, cancel := context.WithTimeout(ctx, finishWithin)
		defer cancel()
		ctx = limited
	}
	return r.producer.Close(ctx)
}

// print prints what was done. Its error says that something could not be put.
func (r *putting) print(took time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, result := r.producer.Metrics(), &r.result
	result.Seconds, result.Retries, result.Throttled, result.Calls, result.Aggregates = took.Seconds(), m.Retries, m.Throttled, m.Put, m.Aggregates
	var err error
	if r.json {
		err = writeJSON(r.c.OutOrStdout(), result)
	} else {
		_, err = fmt.Fprintln(r.c.OutOrStdout(), result.text(m.RecordsAnAggregate()))
	}
	if n := result.Failed + result.Unreadable; n > 0 {
		return errors.Join(err, r.failed(n))
	}
	return err
}

// failed says how many records could not be put. An interruption is told by
// itself, without what else was wrong, so then it is told here.
func (r *putting) failed(n int64) error {
	err := fmt.Errorf("%s could not be put", figures.Count(n, "record"))
	if n > maxTold {
		err = fmt.Errorf("%w, of which the first %d are shown", err, maxTold)
	}
	if r.c.Context().Err() != nil {
		fmt.Fprintf(r.c.ErrOrStderr(), "%s: %v\n", r.c.CommandPath(), err)
	}
	return err
}

func (r *putResult) text(perAggregate float64) string {
	text := fmt.Sprintf("%s put, %s, in %s: %s/s; %s, retries: %s, throttled: %s", figures.Count(r.Records, "record"), figures.Bytes(float64(r.Bytes)),
		figures.Duration(time.Duration(r.Seconds*float64(time.Second))), figures.Count(int64(float64(r.Records)/max(r.Seconds, 1e-9)), "record"),
		figures.Count(r.Calls, "call"), figures.Comma(r.Retries), figures.Comma(r.Throttled))
	if r.Aggregates > 0 {
		text += fmt.Sprintf("; %s of %.1f records", figures.Count(r.Aggregates, "aggregate"), perAggregate)
	}
	return text + "."
}

// A putProgress shows on a terminal how many records were put.
type putProgress struct {
	bar   terminal.Bar
	mu    sync.Mutex // held by who writes; guards what follows
	shown time.Time
}

func newPutProgress(c *cobra.Command) *putProgress {
	return &putProgress{bar: terminal.NewBar(c.OutOrStdout(), c.ErrOrStderr(), false)}
}

func (p *putProgress) show(records int64) {
	if !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.shown) > 100*time.Millisecond {
		p.shown = now
		p.bar.Show(figures.Count(records, "record")+" put", 0)
	}
}

// tell prints a line in the place of the progress.
func (p *putProgress) tell(w io.Writer, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bar.Clear()
	_, _ = io.WriteString(w, line) // what cannot be told there cannot be told at all
}
