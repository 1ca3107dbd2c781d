package workload_test

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// A workload is written as JSON, and its records come one after the other.
func Example() {
	w, err := workload.Parse([]byte(`{
		"duration": "2s",
		"traffic": [
			{"rate": "2/s", "keys": {"weighted": [{"key": "sensor"}]}, "sizes": "100B"},
			{"rate": {"burst": {"records": 2}}, "from": "700ms", "keys": {"weighted": [{"key": "alarm"}]}, "sizes": "1KiB"}
		]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	g, err := workload.NewGenerator(w, nil)
	if err != nil {
		log.Fatal(err)
	}
	for a := (workload.Arrival{}); g.Next(&a); {
		fmt.Println(a.At, a.Key.Text, a.Bytes)
	}
	// Output:
	// 0s sensor 100
	// 500ms sensor 100
	// 700ms alarm 1024
	// 700ms alarm 1024
	// 1s sensor 100
	// 1.5s sensor 100
}

// Errors name the field, what was read, and what is expected.
func ExampleParse() {
	for _, text := range []string{
		`{"duration": 3600, "traffic": [{"rate": "100/s"}]}`,
		`{"duration": "1h", "traffic": [{"rate": {"ramp": {"fro": 1, "to": 2}}}]}`,
		`{"duration": "1h", "traffic": [{"rate": {"ramp": {"from": 1, "to": "2G/s"}}}]}`,
	} {
		_, err := workload.Parse([]byte(text))
		fmt.Println(err)
	}
	// Output:
	// duration: "3600" has no unit; expected one of ms, s, m, h and d, such as 3600s
	// traffic[0].rate.ramp.fro: is unknown; did you mean from?
	// traffic[0].rate.ramp.to: 2000000000/s is outside 0/s to 1000000000/s
}

// A workload can be put together in Go and written down.
func ExampleWorkload() {
	w := workload.Workload{
		Duration: workload.Duration(24 * time.Hour),
		Stream:   workload.Stream{Shards: 4},
		Traffic: []workload.Traffic{{
			Rate: workload.Rate{Wave: &workload.Wave{Low: 200, High: 2000}},
			Keys: workload.Keys{Zipf: 1.1, Hot: []workload.HotKey{{Key: "tenant-7", Share: 0.2}}},
		}},
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(w); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {
	//   "duration": "1d",
	//   "stream": {
	//     "shards": 4
	//   },
	//   "traffic": [
	//     {
	//       "rate": {
	//         "wave": {
	//           "low": "200/s",
	//           "high": "2000/s"
	//         }
	//       },
	//       "keys": {
	//         "zipf": 1.1,
	//         "hot": [
	//           {
	//             "key": "tenant-7",
	//             "share": 0.2
	//           }
	//         ]
	//       }
	//     }
	//   ]
	// }
}

// A day of 86.4 million records, a minute at a time.
func ExampleGenerator_NextLots() {
	g, err := workload.NewGenerator(workload.Workload{
		Duration: workload.Duration(24 * time.Hour),
		Traffic:  []workload.Traffic{{Rate: workload.Rate{Constant: 1000}}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	shards := weir.EvenRanges(8)
	var records int64
	var lots []workload.Lot
	for until, more := time.Minute, true; more; until += time.Minute {
		lots, more = g.NextLots(lots[:0], until, shards)
		for _, lot := range lots {
			records += lot.Records
		}
	}
	fmt.Println(records, "records")
	// Output: 86400000 records
}

// How much a month takes, before anything is put.
func ExampleWorkload_Volume() {
	v, err := workload.Workload{
		Duration: workload.Duration(30 * 24 * time.Hour),
		Traffic: []workload.Traffic{{
			Rate:  workload.Rate{Constant: 100},
			Keys:  workload.Keys{Unique: true}, // 16 bytes each
			Sizes: workload.Sizes{Fixed: 30_000},
		}},
	}.Volume(nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.0f records, %.0f bytes\n", v.Records, v.Bytes)
	fmt.Printf("%.0f payload units, %.0f bytes rounded up to KiB\n", v.PutUnits, v.KiBRoundedBytes)
	// Output:
	// 259200000 records, 7780147200000 bytes
	// 518400000 payload units, 7962624000000 bytes rounded up to KiB
}
