// Command aggregates compares package aggregate with other people's code.
//
//	aggregates write FILE   writes aggregates, and what a Decoder delivers of them
//	aggregates read FILE    takes apart what others have packed, and compares
//
// A line of a file is an aggregate, its parts separated by tabs: a name, the
// partition key and the data of the record, the first and the last hash key of
// the shard, or nothing, and then four parts of each user record that it
// delivers: partition key, explicit hash key, data, sub-sequence number. Keys
// and data are in base64, numbers in decimal.
package main

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 || os.Args[1] != "write" && os.Args[1] != "read" {
		log.Fatal("usage: aggregates write|read FILE")
	}
	do := write
	if os.Args[1] == "read" {
		do = read
	}
	if err := do(os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

// cases is how many aggregates of each kind are written.
const cases = 400

func write(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range cases {
		g := generator{random}
		data := g.sound()
		// What awslabs' deaggregators judge, which know no shard, is named sound.
		fmt.Fprintln(w, line(fmt.Sprint("sound ", i), data, nil))
		fmt.Fprintln(w, line(fmt.Sprint("of a shard ", i), data, &whole))
		fmt.Fprintln(w, line(fmt.Sprint("split ", i), data, g.part()))
		fmt.Fprintln(w, line(fmt.Sprint("damaged ", i), g.damaged(data), &whole))
		fmt.Fprintln(w, line(fmt.Sprint("odd ", i), g.odd(), &whole))
	}
	return errors.Join(w.Flush(), f.Close())
}

var whole = weir.EvenRanges(1)[0]

// line returns the line of an aggregate and of what is delivered of it.
func line(name string, data []byte, within *weir.HashKeyRange) string {
	parts := []string{name, encode([]byte(aggregate.OuterKey)), encode(data), "", ""}
	if within != nil {
		parts[3], parts[4] = within.Start.String(), within.End.String()
	}
	d := aggregate.Decoder{Within: within}
	for r := range d.Records(weir.Record{PartitionKey: aggregate.OuterKey, Data: data}) {
		parts = append(parts, encode([]byte(r.PartitionKey)), r.ExplicitHashKey, encode(r.Data), fmt.Sprint(r.Sub))
	}
	return strings.Join(parts, "\t")
}

func encode(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// A generator makes aggregates.
type generator struct{ *rand.Rand }

// sound returns the data of an aggregate as a producer makes it.
func (g generator) sound() []byte {
	var b aggregate.Builder
	for range 1 + g.IntN(20) {
		e := weir.Entry{PartitionKey: g.key(), Data: g.bytes(g.IntN(200))}
		if g.IntN(3) == 0 {
			h := g.hash()
			e.ExplicitHashKey = &h
		}
		if err := b.Add(e); err != nil {
			log.Fatal(err)
		}
	}
	return b.Append(nil)
}

func (g generator) key() string {
	return strings.Repeat(string(rune('a'+g.IntN(8))), 1+g.IntN(5)) + []string{"", "é", "日本", "😀"}[g.IntN(4)]
}

func (g generator) bytes(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(g.Uint32())
	}
	return data
}

func (g generator) hash() weir.HashKey { return weir.HashKey{Hi: g.Uint64(), Lo: g.Uint64()} }

// part returns the range of one of two shards.
func (g generator) part() *weir.HashKeyRange {
	ranges := weir.EvenRanges(2)
	return &ranges[g.IntN(2)]
}

// damaged returns data with one byte changed, or cut off, behind a checksum that
// fits or not. Keys stay text: Java has no others.
func (g generator) damaged(data []byte) []byte {
	for {
		damaged, text := g.damage(slices.Clone(data)), true
		d := aggregate.Decoder{Within: &whole, Anyway: true}
		for r := range d.Records(weir.Record{PartitionKey: aggregate.OuterKey, Data: damaged}) {
			text = text && utf8.ValidString(r.PartitionKey) && utf8.ValidString(r.ExplicitHashKey)
		}
		if text {
			return damaged
		}
	}
}

func (g generator) damage(data []byte) []byte {
	magic := len(data) - len(g.message(data)) - md5.Size
	switch g.IntN(3) {
	case 0:
		data[g.IntN(len(data))] ^= byte(1 + g.IntN(255))
		return data
	case 1:
		return data[:g.IntN(len(data))]
	}
	message := slices.Clone(g.message(data))
	message[g.IntN(len(message))] ^= byte(1 + g.IntN(255))
	sum := md5.Sum(message)
	return append(append(data[:magic:magic], message...), sum[:]...)
}

// message returns what is between the magic and the checksum.
func (generator) message(data []byte) []byte {
	return data[aggregate.OverheadBytes-md5.Size : len(data)-md5.Size]
}

// odd returns an aggregate of user records that no producer makes.
func (g generator) odd() []byte {
	var b aggregate.Builder
	hashes := []string{"", "0", "00", "-1", "+5", " 7", "x", "1e3", "340282366920938463463374607431768211455", "340282366920938463463374607431768211456"}
	for range g.IntN(4) {
		b.AddUnchecked([]string{"", "a", strings.Repeat("k", 300)}[g.IntN(3)], hashes[g.IntN(len(hashes))], g.bytes(g.IntN(3)))
	}
	return b.Append(nil)
}

// read compares what others say that they have packed with what is in there.
func read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	n := 0
	for ; lines.Scan(); n++ {
		parts := strings.Split(lines.Text(), "\t")
		data, err := base64.StdEncoding.DecodeString(parts[2])
		if err != nil {
			return err
		}
		want := append([]string{parts[0], encode([]byte(aggregate.OuterKey)), parts[2], "", ""}, parts[5:]...)
		if got := line(parts[0], data, nil); got != strings.Join(want, "\t") {
			return fmt.Errorf("%s: it was packed as\n%s\nbut is\n%s", parts[0], lines.Text(), got)
		}
	}
	if lines.Err() == nil && n == 0 {
		return errors.New("nothing was packed")
	}
	return lines.Err()
}
