package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/cmd/weir/internal/workflags"
)

// benchFlags are the flags of weir bench.
type benchFlags struct {
	workload *workflags.Flags
	getenv   func(string) string

	target   string
	region   string
	existing string
	yes      bool
	memory   flagval.Size

	drain  time.Duration
	repeat int
	failIf conditionFlag
	outputs
}

const (
	defaultBenchMemory = 256 << 20
	maxBenchDrain      = 24 * time.Hour

	embeddedTarget = "embedded"
	awsTarget      = "aws"
)

// add adds the flags to the command.
func (f *benchFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.target, "target", "t", f.target, "`WHERE` the stream is: embedded, the URL of an endpoint, or aws")
	flags.StringVar(&f.region, "region", "", "`REGION` of the service, or what an endpoint is told (default $AWS_REGION)")
	flags.StringVar(&f.existing, "existing", "", "put the load on this `STREAM` instead of a new one; it keeps what is put")
	flags.BoolVar(&f.yes, "yes", false, "do not ask before load is put on another machine")
	flags.Var(&f.memory, "memory", "what the embedded stream holds at most; the oldest records go first")
	flags.Var(flagval.Duration{Value: &f.drain, Max: maxBenchDrain}, "drain", "how long it may go on after the workload's end, to put what is late and to read what is left")
	flags.Var(flagval.Int{Value: &f.repeat, Min: 1, Max: bench.MaxRuns}, "repeat", "run it so many times, each on a new stream")
	flags.Var(&f.failIf, "fail-if", "exit with status 1 if this holds, such as 'p99>5ms'; may be repeated")
	f.outputs.add(flags)
	f.workload.Add(c)
}

// check refuses flags that make no sense, alone or together.
func (f *benchFlags) check() error {
	switch f.target {
	case embeddedTarget, awsTarget:
	default:
		if err := bench.CheckEndpoint(f.target); err != nil {
			return usage.Errorf("--target: neither %s nor %s, and %w", embeddedTarget, awsTarget, err)
		}
	}
	if f.region == "" {
		f.region = f.getenv("AWS_REGION")
	}
	switch {
	case f.target == embeddedTarget && f.existing != "":
		return usage.Errorf("--existing is for endpoints and the service; an embedded stream is always new")
	case f.target == awsTarget && f.region == "":
		return usage.Errorf("--region is missing: the service has streams in many")
	case f.memory < 1<<20:
		return usage.Errorf("--memory %s is less than 1MiB", &f.memory)
	}
	return nil
}

// A conditionFlag is conditions for a result to fail, any number of them.
type conditionFlag struct{ list []bench.Condition }

// Set adds a condition.
func (f *conditionFlag) Set(s string) error {
	c, err := bench.ParseCondition(s)
	if err != nil {
		return err
	}
	f.list = append(f.list, c)
	return nil
}

// String returns the conditions.
func (f *conditionFlag) String() string {
	var texts []string
	for _, c := range f.list {
		texts = append(texts, c.Text)
	}
	return strings.Join(texts, ", ")
}

// Type returns what help calls the value.
func (f *conditionFlag) Type() string { return "CONDITION" }
