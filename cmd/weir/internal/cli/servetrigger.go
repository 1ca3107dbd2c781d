package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/weirstream/weir/cmd/weir/internal/serve"
	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// serveTriggers are the flags of weir serve that are about triggers.
type serveTriggers struct{ urls, settings, failures byStream }

func (f *serveTriggers) add(flags *pflag.FlagSet) {
	f.urls.what, f.settings.what, f.failures.what = "URL", "FILE", "PLACE"
	flags.Var(&f.urls, "trigger", "call the function of a URL with the batches of a stream, as Lambda does; several by repetition or spaces")
	flags.Var(&f.settings, "trigger-settings", "settings of a trigger: a file with the JSON of create-event-source-mapping")
	flags.Var(&f.failures, "trigger-on-failure", "what gets the records that a trigger gives up: a file or URL, or none")
}

// read returns the triggers of the flags, in the order of their streams.
func (f *serveTriggers) read(stderr io.Writer) (list []serve.Trigger, err error) {
	for flag, of := range map[string]byStream{"trigger-settings": f.settings, "trigger-on-failure": f.failures} {
		for stream := range of.values {
			if f.urls.values[stream] == "" {
				return nil, usage.Errorf("--%s %s needs --trigger %s=URL", flag, stream, stream)
			}
		}
	}
	log := warnings(stderr)
	for _, stream := range slices.Sorted(maps.Keys(f.urls.values)) {
		t := serve.Trigger{Stream: stream, Logger: log.With("stream", stream)}
		url := f.urls.values[stream]
		if err := trigger.CheckURL(url); err != nil {
			return nil, usage.Errorf("--trigger %s: %w", stream, err)
		}
		t.Source.Function = trigger.Limit(trigger.HTTP(trigger.NewClient(), url), trigger.Concurrency(url), defaultTimeout)
		if t.Source.Settings, err = trigger.ReadFile(f.settings.values[stream]); err != nil {
			return nil, fmt.Errorf("--trigger-settings %s: %w", stream, err)
		}
		if t.Source.OnFailure, err = trigger.Destination(f.failures.values[stream], "queue", t.Source.Settings); err != nil {
			return nil, usage.Errorf("--trigger-on-failure %s: %w", stream, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// say says what is called.
func (f *serveTriggers) say(stderr io.Writer) {
	for _, stream := range slices.Sorted(maps.Keys(f.urls.values)) {
		fmt.Fprintf(stderr, "weir serve: %s → %s\n", stream, f.urls.values[stream])
	}
}

// A byStream is a flag that says something of each of some streams.
type byStream struct {
	what   string
	values map[string]string
}

// Set adds what text says: STREAM=VALUE, or several of them with spaces between.
func (b *byStream) Set(text string) error {
	for _, field := range strings.Fields(text) {
		name, value, ok := strings.Cut(field, "=")
		if !ok || value == "" {
			return fmt.Errorf("%q must be STREAM=%s", field, b.what)
		}
		if s, err := serve.ParseStream(name); err != nil || s.Name != name {
			return fmt.Errorf("%q must be STREAM=%s, with the name of a stream", field, b.what)
		}
		if b.values[name] != "" {
			return fmt.Errorf("stream %s is given twice", name)
		}
		if b.values == nil {
			b.values = make(map[string]string)
		}
		b.values[name] = value
	}
	return nil
}

// String returns the flag as Set takes it.
func (b *byStream) String() string {
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(b.values)) {
		fields = append(fields, name+"="+b.values[name])
	}
	return strings.Join(fields, " ")
}

// Type returns what help calls the value.
func (b *byStream) Type() string { return "STREAM=" + b.what }
