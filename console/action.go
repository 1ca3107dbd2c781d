package console

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// An Action is a change that a console can make: [Put], [Split], [Merge],
// [Resize], [SetRetention], [SetMode], [Register], [Deregister], [Create] or
// [Delete].
type Action interface {
	// command returns the operation of the AWS CLI and its arguments.
	command(s Stream, arn string) []string
	// words says what it does, to be followed by the stream's name.
	words() string
}

// Put puts a record.
type Put struct{ Entry weir.Entry }

// Split splits a shard; the second child begins at a hash key.
type Split struct {
	Shard weir.ShardID
	At    weir.HashKey
}

// Merge merges two neighbours.
type Merge struct{ Lower, Upper weir.ShardID }

// Resize changes the number of open shards.
type Resize struct{ Target int }

// SetRetention says for how long records stay readable.
type SetRetention struct {
	Retention time.Duration
	before    time.Duration
}

// SetMode switches the capacity mode.
type SetMode struct{ Mode weir.Mode }

// Register registers a consumer.
type Register struct{ Consumer string }

// Deregister removes one.
type Deregister struct{ Consumer string }

// Create creates the stream, with so many shards or on demand if that is zero.
type Create struct{ Shards int }

// Delete deletes the stream, its consumers included.
type Delete struct{}

func (a Put) words() string   { return "Put a record into" }
func (a Split) words() string { return "Split " + a.Shard.String() + " of" }
func (a Merge) words() string { return fmt.Sprintf("Merge %s and %s of", a.Lower, a.Upper) }
func (a Resize) words() string {
	return fmt.Sprintf("Resize to %s:", number(a.Target, "shard", "shards"))
}
func (a SetRetention) words() string {
	return fmt.Sprintf("Keep records for %s in", spanText(a.Retention))
}
func (a SetMode) words() string    { return "Switch to " + a.Mode.String() + " mode:" }
func (a Register) words() string   { return fmt.Sprintf("Register consumer %s of", a.Consumer) }
func (a Deregister) words() string { return fmt.Sprintf("Deregister consumer %s of", a.Consumer) }
func (a Delete) words() string     { return "Delete" }
func (a Create) words() string     { return "Create" }

// longestCommand is how much data a command shows; it would be no help to see
// more of it.
const longestCommand = 2048

func (a Put) command(s Stream, _ string) []string {
	data := base64.StdEncoding.EncodeToString(a.Entry.Data[:min(len(a.Entry.Data), longestCommand)])
	if len(a.Entry.Data) > longestCommand {
		data = "fileb://FILE"
	}
	args := []string{"put-record", "--stream-name", s.Name, "--partition-key", a.Entry.PartitionKey, "--data", data}
	if k := a.Entry.ExplicitHashKey; k != nil {
		args = append(args, "--explicit-hash-key", k.String())
	}
	return args
}

func (a Split) command(s Stream, _ string) []string {
	return []string{"split-shard", "--stream-name", s.Name, "--shard-to-split", a.Shard.String(), "--new-starting-hash-key", a.At.String()}
}

func (a Merge) command(s Stream, _ string) []string {
	return []string{"merge-shards", "--stream-name", s.Name, "--shard-to-merge", a.Lower.String(), "--adjacent-shard-to-merge", a.Upper.String()}
}

func (a Resize) command(s Stream, _ string) []string {
	return []string{"update-shard-count", "--stream-name", s.Name, "--target-shard-count", strconv.Itoa(a.Target), "--scaling-type", "UNIFORM_SCALING"}
}

func (a SetRetention) command(s Stream, _ string) []string {
	op := "increase-stream-retention-period"
	if a.Retention < a.before {
		op = "decrease-stream-retention-period"
	}
	return []string{op, "--stream-name", s.Name, "--retention-period-hours", strconv.Itoa(int(a.Retention / time.Hour))}
}

func (a SetMode) command(_ Stream, arn string) []string {
	return []string{"update-stream-mode", "--stream-arn", arn, "--stream-mode-details", "StreamMode=" + modeWord(a.Mode)}
}

func (a Register) command(_ Stream, arn string) []string {
	return []string{"register-stream-consumer", "--stream-arn", arn, "--consumer-name", a.Consumer}
}

func (a Deregister) command(_ Stream, arn string) []string {
	return []string{"deregister-stream-consumer", "--stream-arn", arn, "--consumer-name", a.Consumer}
}

func (a Create) command(s Stream, _ string) []string {
	args := []string{"create-stream", "--stream-name", s.Name}
	if a.Shards == 0 {
		return append(args, "--stream-mode-details", "StreamMode=ON_DEMAND")
	}
	return append(args, "--shard-count", strconv.Itoa(a.Shards))
}

func (a Delete) command(s Stream, _ string) []string {
	return []string{"delete-stream", "--stream-name", s.Name, "--enforce-consumer-deletion"}
}

// modeWord returns the service's word for a mode.
func modeWord(m weir.Mode) string {
	if m == weir.OnDemand {
		return "ON_DEMAND"
	}
	return "PROVISIONED"
}

// arnOf returns the stream's ARN: its account and region are those of At, or of
// nobody in particular.
func arnOf(s Stream) string {
	id, region, ok := strings.Cut(s.At, "/")
	if !ok {
		id, region = "000000000000", "us-east-1"
	}
	return fmt.Sprintf("arn:%s:kinesis:%s:%s:stream/%s", partitionOf(region), region, id, s.Name)
}

// partitionOf returns the partition that ARNs of a region begin with.
func partitionOf(region string) string {
	for prefix, partition := range map[string]string{
		"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b",
		"eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f", "eusc-": "aws-eusc",
	} {
		if strings.HasPrefix(region, prefix) {
			return partition
		}
	}
	return "aws"
}

// commandLine returns a command of the AWS CLI, as a shell of POSIX takes it: an
// operation, and flags each with its value, but for one that may be the last.
func commandLine(s Stream, endpoint string, args ...string) string {
	words := []string{"aws", "kinesis", args[0]}
	for i := 1; i < len(args); i += 2 {
		switch {
		case i+1 == len(args):
			words = append(words, args[i])
		case strings.HasPrefix(args[i+1], "-"): // it would be taken for a flag
			words = append(words, args[i]+"="+args[i+1])
		default:
			words = append(words, args[i], args[i+1])
		}
	}
	if _, region, ok := strings.Cut(s.At, "/"); ok {
		words = append(words, "--region", region)
	}
	if endpoint != "" {
		words = append(words, "--endpoint-url", endpoint)
	}
	for i, w := range words {
		words[i] = quoted(w)
	}
	return strings.Join(words, " ")
}

const plainCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+@,"

// quoted returns a word as a shell takes it for one.
func quoted(w string) string {
	if w != "" && strings.Trim(w, plainCharacters) == "" {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
