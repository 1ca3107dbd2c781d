package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
)

// Bounds of a [Config].
const (
	DefaultSize     = 5 << 20
	MaxSize         = 1 << 30
	DefaultInterval = 300 * time.Second
	MaxInterval     = 24 * time.Hour

	DefaultPartitions = 500
	MaxPartitions     = 1000

	DefaultTransformBytes = 1 << 20
	MaxTransformBytes     = 3 << 20
)

// A Config says what is delivered, when, and in which form. Sink, and in Group
// Streams and Store must be set.
type Config struct {
	// Group says what is read, one stream, where the leases are kept, and how.
	// Without a Name it has the delivery's. Handler, Begin, and what handlers'
	// errors lead to, are the delivery's: they must not be set. Aggregates are
	// taken apart, unless Expand is [consumer.Raw].
	Group consumer.Config
	// Sink takes the objects.
	Sink Sink
	// Name is what object names begin with behind their prefix, and what random
	// strings in prefixes depend on: 1 to 64 letters, digits, "_", "." and "-".
	// Empty means the stream's name.
	Name string

	// Size is how many bytes of data an object has, before format and
	// compression, up to [MaxSize]: it is cut before a record that would go
	// beyond, and one record that is larger is an object by itself. Zero means
	// [DefaultSize].
	Size int
	// Count is how many records it has at most. Zero means no bound. Both are
	// exceeded where thousands of objects would become of one record that is
	// split.
	Count int
	// Interval is how long its first record waits for others, up to
	// [MaxInterval]. Zero means [DefaultInterval]; negative, that nothing waits
	// for what has not been read with it.
	Interval time.Duration

	// Prefix, ErrorPrefix and BackupPrefix are what names of objects, of those
	// with errors and of those with raw records begin with: text with
	// expressions, see docs/delivery.md. One without a timestamp expression is
	// followed by !{timestamp:yyyy/MM/dd/HH/}. ErrorPrefix must be set if Prefix
	// has an expression; empty, it is Prefix with the error's type and a slash.
	// Each has up to [MaxPrefixBytes] as it is written. With all values put in, up
	// to [MaxEvaluatedPrefix]: records for which that is too long go to the error
	// output.
	Prefix, ErrorPrefix, BackupPrefix string
	// Zone is that of times in names. Nil means UTC.
	Zone *time.Location
	// Extension is what names end in, in place of the format's and the codec's:
	// a dot and up to 127 of a-z, 0-9 and !-_.*'(). Empty means theirs.
	Extension string
	// Format makes bytes of records. Nil means that their data is written one
	// behind the other, as [Lines] does without a delimiter.
	Format Format
	// Codec compresses what the format makes. Nil means that nothing does.
	Codec Codec
	// Delimiter is appended to the data of each record that is delivered, such as
	// "\n".
	Delimiter string

	// Decompress makes of a record's data what is compressed in it: see [Gunzip].
	// Nil leaves it as it is.
	Decompress func(data []byte) ([]byte, error)
	// CloudWatchLogs says that the data is what CloudWatch Logs sends, and that
	// the messages of its log events are to be delivered, one a line. What it
	// sends to test a subscription is left out.
	CloudWatchLogs bool
	// Split takes a record apart that has several documents in it, up to
	// [MaxParts]: see [SplitJSON] and [SplitAt]. Nil leaves it whole.
	Split func(data []byte) ([][]byte, error)
	// Transform changes records, or leaves them out. Nil does nothing.
	Transform Transform
	// TransformBytes is how large batches for it are, as data and keys: no record
	// is added behind that. Up to [MaxTransformBytes]; zero means
	// [DefaultTransformBytes].
	TransformBytes int
	// TransformRetries is how often it is called again after an error. Zero means
	// 3; negative, never.
	TransformRetries int
	// Partition gives records the keys that Prefix refers to as
	// !{partitionKeyFromQuery:name}. Nil means that it refers to none.
	Partition Partitioner
	// Partitions is how many partitions of a shard may be filled at a time, up to
	// [MaxPartitions]: records of others go to the error output meanwhile. Zero
	// means [DefaultPartitions].
	Partitions int

	// Errors takes what cannot be processed or delivered: objects of JSON, one
	// record a line. Nil means Sink, but a [RecordSink] takes none: if it is nil
	// with one, nothing is given up, and the shard waits for what fails.
	Errors Sink
	// Backup takes the records as they were read. Nil means that none is kept.
	Backup Sink

	// Memory is how many bytes of records all shards together may hold, keys and
	// what it takes to hold them included. A shard is not read on when that much
	// is held, and nothing is lost by that. Beyond it come what the transform
	// makes larger, batches that are being read, and what objects take as they
	// are formatted and compressed, Deliveries at a time. At least twice Size;
	// zero means 128 MiB, or four times Size if that is more.
	Memory int
	// Deliveries is how many objects are delivered at a time, 1 to 1000. Zero
	// means 4. A [RecordSink] gets one of each shard at a time, in order.
	Deliveries int
	// Backoff is how long the first retry of a delivery, or of the transform,
	// waits; each further one waits twice as long, up to MaxBackoff. Zero means
	// 250 ms and a minute.
	Backoff, MaxBackoff time.Duration
}

func (c Config) withDefaults() Config {
	if len(c.Group.Streams) == 1 && c.Group.Streams[0] != nil {
		c.Name = cmp.Or(c.Name, c.Group.Streams[0].Name())
	}
	c.Group.Name = cmp.Or(c.Group.Name, c.Name)
	c.Size = cmp.Or(c.Size, DefaultSize)
	c.Interval = cmp.Or(c.Interval, DefaultInterval)
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Format == nil {
		c.Format = Lines("")
	}
	c.TransformBytes = cmp.Or(c.TransformBytes, DefaultTransformBytes)
	c.TransformRetries = max(0, cmp.Or(c.TransformRetries, 3))
	c.Partitions = cmp.Or(c.Partitions, DefaultPartitions)
	c.Memory = cmp.Or(c.Memory, int(min(math.MaxInt, max(128<<20, 4*int64(min(c.Size, MaxSize))))))
	c.Deliveries = cmp.Or(c.Deliveries, 4)
	c.Backoff = cmp.Or(c.Backoff, 250*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, max(time.Minute, c.Backoff))
	if c.Errors == nil && c.Sink != nil && !takesRecords(c.Sink) {
		c.Errors = c.Sink
	}
	return c
}

func takesRecords(s Sink) bool {
	_, is := s.(RecordSink)
	return is
}

var (
	nameForm      = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)
	extensionForm = regexp.MustCompile(`^\.[0-9a-z!\-_.*'()]{1,127}$`)
)

// problems are what is wrong with a configuration.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

// check tells all that is wrong with a configuration that has its defaults.
func (c Config) check(errs *problems) {
	if c.Sink == nil {
		errs.add("Sink", "is nil")
	}
	if n := len(c.Group.Streams); n != 1 {
		errs.add("Group.Streams", "has %d entries; a delivery has 1 stream", n)
	} else if !nameForm.MatchString(c.Name) {
		errs.add("Name", "%q is not 1 to 64 letters, digits, _, . and -", c.Name)
	}
	g := c.Group
	for _, of := range []struct {
		field string
		set   bool
	}{
		{"Attempts", g.Attempts != 0}, {"Begin", g.Begin != nil}, {"Bisect", g.Bisect},
		{"DeadLetter", g.DeadLetter != nil}, {"Handler", g.Handler != nil}, {"OnError", g.OnError != 0},
	} {
		if of.set {
			errs.add("Group."+of.field, "is set, but it is for the delivery to set")
		}
	}
	c.checkNumbers(errs)
	if c.Extension != "" && !extensionForm.MatchString(c.Extension) {
		errs.add("Extension", "%q is not a dot and up to 127 of a-z, 0-9 and !-_.*'()", c.Extension)
	}
	if c.Codec != nil && !c.Format.Compressible() {
		errs.add("Codec", "%s is set, but format %s is compressed inside", c.Codec.Name(), c.Format.Name())
	}
}

func (c Config) checkNumbers(errs *problems) {
	for _, of := range []struct {
		field       string
		n           int
		least, most int64 // twice the largest size is no int everywhere
	}{
		{"Size", c.Size, 1, MaxSize},
		{"Count", c.Count, 0, 1 << 30},
		{"TransformBytes", c.TransformBytes, 1, MaxTransformBytes},
		{"Partitions", c.Partitions, 1, MaxPartitions},
		{"Memory", c.Memory, 2 * int64(min(c.Size, MaxSize)), 1 << 46},
		{"Deliveries", c.Deliveries, 1, 1000},
	} {
		if int64(of.n) < of.least || int64(of.n) > of.most {
			errs.add(of.field, "%d is not %d to %d", of.n, of.least, of.most)
		}
	}
	for _, of := range []struct {
		field       string
		d           time.Duration
		least, most time.Duration
	}{
		{"Interval", max(c.Interval, 0), 0, MaxInterval},
		{"Backoff", c.Backoff, time.Millisecond, MaxInterval},
		{"MaxBackoff", c.MaxBackoff, min(max(c.Backoff, time.Millisecond), MaxInterval), MaxInterval},
	} {
		if of.d < of.least || of.d > of.most {
			errs.add(of.field, "%v is not %v to %v", of.d, of.least, of.most)
		}
	}
}

// naming reads the prefixes, and checks that what they refer to is given.
func (c Config) naming(errs *problems) naming {
	n := naming{name: c.Name, zone: c.Zone}
	var wrong []error
	n.prefixes, wrong = parsePrefixes(c.Prefix, c.ErrorPrefix, c.BackupPrefix)
	*errs = append(*errs, wrong...)
	for _, key := range n.good.keys {
		switch {
		case key.byTransform && c.Transform == nil:
			errs.add("Prefix", "refers to key %q of the transform, and there is none", key.name)
		case !key.byTransform && c.Partition == nil:
			errs.add("Prefix", "refers to partition key %q, and there is no Partition", key.name)
		case !key.byTransform && c.Partition.Names() != nil && !slices.Contains(c.Partition.Names(), key.name):
			errs.add("Prefix", "refers to partition key %q; Partition gives %s", key.name, strings.Join(c.Partition.Names(), ", "))
		}
	}
	codec := ""
	if c.Codec != nil {
		codec = c.Codec.Extension()
	}
	n.raw = "-backup" + codec
	if c.Sink != nil && takesRecords(c.Sink) {
		return n
	}
	n.ending = cmp.Or(c.Extension, c.Format.Extension()+codec)
	return n
}

// join returns all that is wrong as one error.
func (p problems) join() error { return errors.Join(p...) }
