package aggregate_test

import (
	"crypto/md5"
	"fmt"
	"testing"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// What is packed in the benchmarks: user records of 100 bytes until 50 KiB are
// full, as the Kinesis Producer Library does by default.
const benchBytes = 51200

func benchEntries(keys int) (list []weir.Entry) {
	b := aggregate.Builder{MaxBytes: benchBytes}
	for i := 0; ; i++ {
		e := weir.Entry{PartitionKey: fmt.Sprintf("key-%06d", i%keys), Data: make([]byte, 100)}
		if b.Add(e) != nil {
			return list
		}
		list = append(list, e)
	}
}

func eachKeys(b *testing.B, f func(b *testing.B, list []weir.Entry)) {
	for _, keys := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint("keys=", keys), func(b *testing.B) {
			list := benchEntries(keys)
			b.ReportAllocs()
			b.ResetTimer()
			f(b, list)
			b.ReportMetric(float64(b.N)*float64(len(list))/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkEncode is to be divided by BenchmarkCopy, and so is BenchmarkDecode.
func BenchmarkEncode(b *testing.B) {
	eachKeys(b, func(b *testing.B, list []weir.Entry) {
		builder := aggregate.Builder{MaxBytes: benchBytes}
		var buf []byte
		for b.Loop() {
			builder.Reset()
			for _, e := range list {
				if err := builder.Add(e); err != nil {
					b.Fatal(err)
				}
			}
			buf = builder.Entry(buf).Data
		}
	})
}

// BenchmarkCopy copies the data and the keys of the user records one by one.
func BenchmarkCopy(b *testing.B) {
	eachKeys(b, func(b *testing.B, list []weir.Entry) {
		buf := make([]byte, 0, benchBytes)
		for b.Loop() {
			buf = buf[:0]
			for _, e := range list {
				buf = append(append(buf, e.PartitionKey...), e.Data...)
			}
		}
	})
}

// BenchmarkChecksum is the MD5 of an aggregate of that size, the floor of both.
func BenchmarkChecksum(b *testing.B) {
	data := make([]byte, benchBytes)
	b.SetBytes(benchBytes)
	for b.Loop() {
		md5.Sum(data)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, within := range []*weir.HashKeyRange{nil, &whole} {
		b.Run(fmt.Sprint("range=", within != nil), func(b *testing.B) {
			eachKeys(b, func(b *testing.B, list []weir.Entry) {
				var builder aggregate.Builder
				for _, e := range list {
					if err := builder.Add(e); err != nil {
						b.Fatal(err)
					}
				}
				r, d := outer(builder.Append(nil)), aggregate.Decoder{Within: within}
				for b.Loop() {
					n := 0
					for range d.Records(r) {
						n++
					}
					if n != len(list) {
						b.Fatal(n)
					}
				}
			})
		})
	}
}

// BenchmarkPlain reads a record that is no aggregate.
func BenchmarkPlain(b *testing.B) {
	b.ReportAllocs()
	r, d := outer(make([]byte, 100)), aggregate.Decoder{Within: &whole}
	for b.Loop() {
		for range d.Records(r) {
		}
	}
}
