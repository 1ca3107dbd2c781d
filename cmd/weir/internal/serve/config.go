package serve

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/aws/account"
)

// Account returns the configuration of accounts whose changes of status take a
// delay. They have the limits of the service, or, if unlimited, no throughput
// limits, no call rates and no quotas.
func Account(unlimited bool, delay time.Duration) account.Config {
	var c account.Config
	if unlimited {
		c = account.Instant()
		c.Quotas = account.Quotas{
			Shards: -1, OnDemandStreams: -1, CreatingStreams: -1, Consumers: -1, CreatingConsumers: -1,
			Tags: -1, ModeChanges: -1, EncryptionChanges: -1, Channels: -1, ChannelsPerStream: -1, ChangingQueues: -1,
		}
	}
	if delay == 0 {
		delay = -1 // what the account calls none
	}
	c.Delays = account.Delays{
		Create: delay, Delete: delay, Reshard: delay, Update: delay, Consumer: delay, Channel: delay, Queue: delay,
	}
	return c
}

// CheckScope refuses an account id or a region that requests could not name.
func CheckScope(id, region string) error {
	const digits, letters, idLength, longestRegion = "0123456789", "abcdefghijklmnopqrstuvwxyz", 12, 32
	if len(id) != idLength || strings.Trim(id, digits) != "" {
		return fmt.Errorf("--account-id %q does not have twelve digits", id)
	}
	if len(region) > longestRegion || !strings.Contains(region, "-") || strings.Trim(region, digits+letters+"-") != "" {
		return fmt.Errorf("--region %q is not a region's name, such as us-east-1", region)
	}
	return nil
}

// CheckAddress refuses what is not of the form HOST:PORT.
func CheckAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("--listen %q is not of the form HOST:PORT, such as 127.0.0.1:4567", addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("--listen %s: port %q is not a number from 0 to 65535", addr, port)
	}
	return nil
}

// Streams are the streams of a flag or an environment variable. No name comes
// twice.
type Streams []Stream

// Set adds streams: NAME:SHARDS, several separated by commas.
func (s *Streams) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		stream, err := ParseStream(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(*s, func(o Stream) bool { return o.Name == stream.Name }) {
			return fmt.Errorf("stream %s is given twice", stream.Name)
		}
		*s = append(*s, stream)
	}
	return nil
}

// String returns the streams as Set takes them.
func (s *Streams) String() string {
	texts := make([]string, len(*s))
	for i, stream := range *s {
		texts[i] = stream.String()
	}
	return strings.Join(texts, ",")
}

// Type returns what help calls the value.
func (s *Streams) Type() string { return "NAME:SHARDS" }
