package bench

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// A Process is what the run cost this process, the load generator included,
// from the end of the warm-up on.
type Process struct {
	Allocations int64         `json:"allocations"`
	AllocBytes  int64         `json:"alloc_bytes"`
	GCs         int64         `json:"gcs"`
	GCPause     time.Duration `json:"gc_pause_ns"`     // all together
	GCPauseMax  time.Duration `json:"gc_pause_max_ns"` // of a single pause; zero if unknown
	HeapMax     int64         `json:"heap_max_bytes"`  // at the end of any period
	CPU         time.Duration `json:"cpu_ns"`          // zero if the system does not tell
	// AllocationsPerRecord and the others are divided by the records that were
	// put.
	AllocationsPerRecord float64 `json:"allocations_per_record"`
	AllocBytesPerRecord  float64 `json:"alloc_bytes_per_record"`
	CPUPerRecord         float64 `json:"cpu_ns_per_record"`
}

// usage is what the process has used since it began.
type usage struct {
	allocations, bytes, gcs int64
	pause                   time.Duration
	heap                    int64
	cpu                     time.Duration
}

var usageNames = [...]string{
	"/gc/heap/allocs:objects", "/gc/heap/allocs:bytes", "/gc/cycles/total:gc-cycles", "/memory/classes/heap/objects:bytes",
}

// readUsage returns what the process has used. It stops nothing.
func readUsage() usage {
	samples := make([]metrics.Sample, len(usageNames))
	for i, name := range usageNames {
		samples[i].Name = name
	}
	metrics.Read(samples)
	n := func(i int) int64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return int64(samples[i].Value.Uint64())
	}
	return usage{allocations: n(0), bytes: n(1), gcs: n(2), heap: n(3), pause: readPauses().total, cpu: cpuTime()}
}

// pauses are the stops of the world by the garbage collector since the process
// began.
type pauses struct {
	total  time.Duration
	counts []uint64
	bounds []float64
}

// readPauses adds up the runtime's histogram of pauses, each pause counting for
// the upper end of its bucket, which is at most a fourth too much.
func readPauses() pauses {
	sample := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return pauses{}
	}
	h := sample[0].Value.Float64Histogram()
	p := pauses{counts: h.Counts, bounds: h.Buckets}
	for i, n := range h.Counts {
		if n > 0 {
			p.total += time.Duration(n) * p.upper(i)
		}
	}
	return p
}

// upper returns the upper end of a bucket.
func (p pauses) upper(i int) time.Duration {
	end := p.bounds[i+1]
	if end > 1e6 { // the last bucket has no end
		end = p.bounds[i]
	}
	return time.Duration(end * float64(time.Second))
}

// longestSince returns the longest pause since another reading.
func (p pauses) longestSince(before pauses) time.Duration {
	for i := len(p.counts) - 1; i >= 0; i-- {
		if i >= len(before.counts) || p.counts[i] > before.counts[i] {
			return p.upper(i)
		}
	}
	return 0
}

// processBetween returns the cost of what happened between two readings, in
// which so many records were put.
func processBetween(from, to usage, heapMax int64, longest time.Duration, records int64) *Process {
	per := func(n int64) float64 { return figures.Ratio(float64(n), float64(records)) }
	return &Process{
		Allocations: to.allocations - from.allocations, AllocBytes: to.bytes - from.bytes,
		GCs: to.gcs - from.gcs, GCPause: to.pause - from.pause, GCPauseMax: longest,
		HeapMax: max(heapMax, to.heap), CPU: to.cpu - from.cpu,
		AllocationsPerRecord: per(to.allocations - from.allocations),
		AllocBytesPerRecord:  per(to.bytes - from.bytes),
		CPUPerRecord:         per(int64(to.cpu - from.cpu)),
	}
}

// An Environment is where a result comes from.
type Environment struct {
	Weir       string `json:"weir"`
	Commit     string `json:"commit,omitempty"`
	Go         string `json:"go"`
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	CPU        string `json:"cpu,omitempty"`
	CPUs       int    `json:"cpus"`
	GOMAXPROCS int    `json:"gomaxprocs"`
}

// String returns what a reader has to know to place a result.
func (e Environment) String() string {
	text := fmt.Sprintf("%s, %s/%s, GOMAXPROCS %d", e.Go, e.OS, e.Arch, e.GOMAXPROCS)
	if e.CPU != "" {
		text += ", " + e.CPU
	}
	return text
}

// NewEnvironment describes this process, of a version and, if known, a commit.
func NewEnvironment(version, commit string) Environment {
	return Environment{
		Weir: version, Commit: commit, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPU: cpuName(), CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
	}
}
