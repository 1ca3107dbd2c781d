// Package clickstream makes up the access log of a busy web site: a few clients
// send most requests, the load swells and ebbs, and now and then one client
// floods the site for a while. The same seed gives the same log.
package clickstream

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// What the site is like. Times and rates are of the log, not of its replay.
const (
	clients = 2000 // that come back; those of a rush are others
	pages   = 300

	clientSkew, clientFlatness = 1.2, 4 // Zipf: the busiest client sends about 1 request in 12
	pageSkew, pageFlatness     = 1.3, 2

	requestsPerSecond = 45.0
	tide              = 10 * time.Minute // from one swell of the load to the next
	tideShare         = 0.5              // how far the rate swings about its mean

	rushEvery  = 90 * time.Second // a rush begins
	rushAfter  = 30 * time.Second // the first one
	rushLasts  = 20 * time.Second
	rushFactor = 3.0 // how much more requests a rush has
	rushShare  = 0.6 // of its requests come from one client

	lateShare = 0.02 // of the requests are logged late
	lateBy    = 30 * time.Second
)

// firstRequest is when every log begins.
var firstRequest = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// A Generator makes the events one after the other. Use it from one goroutine
// at a time.
type Generator struct {
	left    int
	elapsed time.Duration // since firstRequest
	random  *rand.Rand
	client  *rand.Zipf
	page    *rand.Zipf
	salt    uint64 // makes the addresses of one seed differ from another's
}

// New returns a generator of a number of events.
func New(seed uint64, events int) *Generator {
	random := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	return &Generator{
		left:   events,
		random: random,
		client: rand.NewZipf(random, clientSkew, clientFlatness, clients-1),
		page:   rand.NewZipf(random, pageSkew, pageFlatness, pages-1),
		salt:   random.Uint64(),
	}
}

// Next returns the next event, whose Raw is a line of an Apache combined log,
// or [io.EOF] when there were as many as asked for.
func (g *Generator) Next() (input.Event, error) {
	if g.left == 0 {
		return input.Event{}, io.EOF
	}
	g.left--
	g.elapsed += time.Duration(g.random.ExpFloat64() / g.rate() * float64(time.Second))
	e := input.Event{
		Key:    g.nextClient(),
		Time:   g.nextTime(),
		Status: g.nextStatus(),
		Page:   pageName(g.page.Uint64()),
	}
	e.Raw = g.line(&e)
	e.Size = len(e.Raw)
	return e, nil
}

// rate returns the requests per second at the present moment.
func (g *Generator) rate() float64 {
	phase := 2 * math.Pi * float64(g.elapsed) / float64(tide)
	rate := requestsPerSecond * (1 + tideShare*math.Sin(phase))
	if _, ok := g.rush(); ok {
		rate *= rushFactor
	}
	return rate
}

// rush returns the number of the rush that is on, if there is one.
func (g *Generator) rush() (uint64, bool) {
	since := g.elapsed - rushAfter
	return uint64(since / rushEvery), since >= 0 && since%rushEvery < rushLasts
}

// nextClient returns the address of who sends the next request.
func (g *Generator) nextClient() string {
	if rush, ok := g.rush(); ok && g.random.Float64() < rushShare {
		return g.address(clients + rush)
	}
	return g.address(g.client.Uint64())
}

// address returns the address of client number n.
func (g *Generator) address(n uint64) string {
	x := (n + g.salt) * 0xbf58476d1ce4e5b9
	x ^= x >> 31
	return fmt.Sprintf("%d.%d.%d.%d", 1+x%223, x>>8%256, x>>16%256, 1+x>>24%254)
}

// nextTime returns the time in the next line: whole seconds, now and then late.
func (g *Generator) nextTime() time.Time {
	at := g.elapsed
	if g.random.Float64() < lateShare {
		at -= time.Duration(g.random.Int64N(int64(lateBy)))
	}
	return firstRequest.Add(max(0, at)).Truncate(time.Second)
}

// nextStatus returns a status; a flooded site fails more often.
func (g *Generator) nextStatus() int {
	failing := 0.004
	if _, ok := g.rush(); ok {
		failing = 0.06
	}
	switch p := g.random.Float64(); {
	case p < failing:
		return 503
	case p < failing+0.03:
		return 404
	case p < failing+0.06:
		return 301
	case p < failing+0.14:
		return 304
	default:
		return 200
	}
}

var sections = [...]string{"articles", "images", "products", "search", "styles"}

// pageName returns the path of page number n, the most popular being 0.
func pageName(n uint64) string {
	if n == 0 {
		return "/"
	}
	return fmt.Sprintf("/%s/%03d", sections[n%uint64(len(sections))], n)
}

var agents = [...]string{
	"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
	"ExampleBot/2.1 (like a browser, but faster)",
}

// line writes the event as a line of a log.
func (g *Generator) line(e *input.Event) []byte {
	line := make([]byte, 0, 256)
	line = append(line, e.Key...)
	line = append(line, " - - ["...)
	line = e.Time.AppendFormat(line, "02/Jan/2006:15:04:05 -0700")
	return fmt.Appendf(line, `] "GET %s HTTP/1.1" %d %d "-" "%s"`,
		e.Page, e.Status, g.random.IntN(90_000), agents[g.random.IntN(len(agents))])
}
