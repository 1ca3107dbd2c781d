package lease

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A file of a directory is a line that says what it is and its checksum, and the
// rest, for a lease in JSON:
//
//	weir lease 1 3f2a91c0
//	{"key": "shardId-000000000000", …}
//
// The number is the version of the format. Who finds a later one leaves the file
// alone.
const (
	leaseHead   = "weir lease"
	groupHead   = "weir group"
	fileVersion = 1

	leasePrefix  = "lease-" // of a file's name
	maxFileBytes = 2 << 20  // a lease has less, also where JSON writes six bytes for one
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal puts the first line before what a file says.
func seal(head string, b []byte) []byte {
	return fmt.Appendf(nil, "%s %d %08x\n%s", head, fileVersion, crc32.Checksum(b, castagnoli), b)
}

// unseal returns what a file says, if it is whole and of ours.
func (d *Dir) unseal(name, head string, b []byte) ([]byte, error) {
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	words, is := strings.CutPrefix(string(line), head+" ")
	version, sum, _ := strings.Cut(words, " ")
	v, err := strconv.ParseUint(version, 10, 32)
	switch {
	case !is || err != nil || v == 0:
		return nil, d.foreign(name, fmt.Sprintf("it does not begin with %q and a version", head))
	case v > fileVersion:
		return nil, d.foreign(name, fmt.Sprintf("version %d is later than %d, the last that this program knows", v, fileVersion))
	case sum != fmt.Sprintf("%08x", crc32.Checksum(rest, castagnoli)):
		return nil, d.foreign(name, "it is damaged: its checksum is of other bytes")
	}
	return rest, nil
}

// leaseName returns the name of a lease's file: the beginning of its key as far
// as all systems take it, for people, and a hash of all of it.
func leaseName(key string) string {
	const shown = 48
	sum := sha256.Sum256([]byte(key))
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune(groupRunes, r) {
			return r
		}
		return '_'
	}, key[:min(len(key), shown)])
	return leasePrefix + plain + "-" + hex.EncodeToString(sum[:12])
}

// isLeaseName reports whether a file may be a lease's.
func isLeaseName(name string) bool { return strings.HasPrefix(name, leasePrefix) }

// A leaseFile is a lease in JSON.
type leaseFile struct {
	Key          string   `json:"key"`
	Stream       string   `json:"stream,omitempty"`
	Owner        string   `json:"owner,omitempty"`
	Wanted       string   `json:"wanted,omitempty"`
	Counter      int64    `json:"counter"`
	Switches     int64    `json:"switches,omitempty"`
	Checkpoint   string   `json:"checkpoint,omitempty"`
	Sub          uint64   `json:"sub,omitempty"`
	State        []byte   `json:"state,omitempty"`
	Parents      []string `json:"parents,omitempty"`
	Children     []string `json:"children,omitempty"`
	FirstHashKey string   `json:"first_hash_key,omitempty"`
	LastHashKey  string   `json:"last_hash_key,omitempty"`
	Throughput   float64  `json:"throughput_kib,omitempty"`
}

func encode(l Lease) ([]byte, error) {
	b, err := json.MarshalIndent(leaseFile{
		l.Key, l.Stream, l.Owner, l.Wanted, l.Counter, l.Switches, l.Checkpoint.Sequence, l.Checkpoint.Sub,
		l.State, l.Parents, l.Children, l.FirstHashKey, l.LastHashKey, l.Throughput,
	}, "", "  ")
	return append(b, '\n'), err
}

func decode(b []byte) (Lease, error) {
	var f leaseFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Lease{}, err
	}
	if d.More() {
		return Lease{}, errors.New("something follows the lease")
	}
	l := Lease{
		f.Key, f.Stream, f.Owner, f.Wanted, f.Counter, f.Switches, Checkpoint{f.Checkpoint, f.Sub},
		f.State, f.Parents, f.Children, f.FirstHashKey, f.LastHashKey, f.Throughput,
	}
	return l, l.Check()
}
