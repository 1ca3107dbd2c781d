package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// A Config says what a console shows, and to whom. The zero Config shows that
// there are no streams.
type Config struct {
	// Source has the streams. Nil means none.
	Source Source
	// Groups returns the consumer groups to show beside the streams that they
	// read. It is called when somebody looks. Nil means none.
	Groups func(ctx context.Context) ([]Group, error)
	// Queues returns the work queues of a stream. It is called when somebody looks.
	// Nil means none.
	Queues func(ctx context.Context, s Stream) ([]Queue, error)
	// ReadOnly refuses all changes, and leaves their forms out.
	ReadOnly bool
	// AllowRemote answers clients of other machines too. A zero value answers
	// those that connect from a loopback address only.
	AllowRemote bool
	// AllowHosts are names, without a port, by which the machine may be called
	// beside its addresses, names without a dot, and names below localhost; "*" is
	// all. Other names could be those of a foreign page that points here.
	AllowHosts []string
	// API says that the console's own address speaks the Kinesis API: the
	// commands that are shown name it as their endpoint.
	API bool
	// Price returns what a month of the service costs that goes on like the use
	// it is given. Nil means that no price is shown.
	Price func(Use) Price
	// Now tells the time. Nil means [time.Now].
	Now func() time.Time
}

// A Use is how a stream was used in a period, for [Config.Price].
type Use struct {
	Period         time.Duration
	Records, Bytes int64
	OutBytes       int64 // given to readers of any kind
	FanOutBytes    int64 // of these, about, what registered consumers were given
	OpenShards     int
	Consumers      int // registered
	Retention      time.Duration
	Mode           weir.Mode
}

// A Price is an amount of a currency; the zero Price is not known.
type Price struct {
	Amount   float64
	Currency string // such as USD
	Plan     string // what was reckoned with, in a few words
}

// A Console is a handler of its pages. Its methods may be called by any number of
// goroutines at a time.
type Console struct {
	config Config
	guard  guard
	token  string
	turns  chan struct{} // holds one for each page that is being made out
	// longForms holds one for each that is being read.
	longForms chan struct{}

	said   notes
	places places
	looks  looks

	standings standings
}

// pagesAtOnce is how many pages are made out at a time; further requests wait.
const pagesAtOnce = 4

// New returns a console. The error says which field of the Config is out of
// bounds.
func New(c Config) (*Console, error) {
	if c.Source == nil {
		c.Source = Streams()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for i, host := range c.AllowHosts {
		if host == "" || host != anyHost && strings.ContainsAny(host, "*/:@ ") {
			return nil, fmt.Errorf("AllowHosts[%d]: %.80q is no name of a host without a port, nor *", i, host)
		}
	}
	return &Console{
		config: c, guard: guard{c.AllowHosts, c.AllowRemote}, token: rand.Text(),
		turns: make(chan struct{}, pagesAtOnce), longForms: make(chan struct{}, longFormsAtOnce),
	}, nil
}

// Handler returns a console of streams of this process, which may be changed
// through it from this machine. Names must differ; of two streams with the same
// one the first is shown. A nil stream is left out.
func Handler(streams ...*weir.Stream) http.Handler {
	c, err := New(Config{Source: Streams(streams...)})
	if err != nil {
		panic(err) // of a Config without any field that can be wrong
	}
	return c
}

// ServeHTTP answers a request. The last element of its path says which page is
// meant, so that links can be relative and the console can stand anywhere.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	if r.Method != http.MethodPost {
		r.Body = http.NoBody // FormValue reads forms of any method, in files if they are long
	}
	if err := c.guard.check(r); err != nil {
		c.fail(w, r, http.StatusForbidden, err)
		return
	}
	name := ""
	if !strings.HasSuffix(r.URL.Path, "/") {
		name = path.Base(r.URL.Path)
	}
	if serveAsset(w, r, name) {
		return
	}
	if err := c.methodIs(r, name); err != nil {
		w.Header().Set("Allow", "GET, HEAD")
		c.fail(w, r, http.StatusMethodNotAllowed, err)
		return
	}
	page, ok := pages[name]
	if !ok {
		c.fail(w, r, http.StatusNotFound, fmt.Errorf("there is no page %.80q", name))
		return
	}
	done := func() {}
	if r.Method == http.MethodPost {
		var err error
		if done, err = c.takeForm(w, r); err != nil {
			c.fail(w, r, statusOf(err), err)
			return
		}
	}
	if m := c.makeInTurn(page, r, done); m != nil {
		m.send(w, r)
	}
}

// makeInTurn makes an answer out, or none if nobody waits for it any more. It
// gives the turn back and is done with the form also when something that the
// page asks panics.
func (c *Console) makeInTurn(p page, r *http.Request, done func()) *made {
	defer done()
	select {
	case c.turns <- struct{}{}:
	case <-r.Context().Done():
		return nil
	}
	defer func() { <-c.turns }()
	return c.make(p, r)
}

// methodIs refuses what is neither a question nor a change.
func (c *Console) methodIs(r *http.Request, page string) error {
	switch {
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return nil
	case r.Method == http.MethodPost && page == changePage:
		return nil
	}
	return fmt.Errorf("method %.20q is not for this page", r.Method)
}

// pages are the pages by name. Each fills in what its template shows.
var pages map[string]page

type page func(c *Console, r *http.Request) answer

func init() {
	pages = map[string]page{
		"": (*Console).listPage, "stream": (*Console).streamPage, "shards": (*Console).shardsPage,
		"readers": (*Console).readersPage, "records": (*Console).recordsPage, "record": (*Console).recordPage,
		"keys": (*Console).keysPage, "settings": (*Console).settingsPage, "new": (*Console).newPage,
		changePage: (*Console).changePage, "top.json": (*Console).topPage,
	}
}

// An answer is what a page says before it is written: a template and what it
// shows, or something else.
type answer struct {
	status   int
	template string
	data     any
	location string      // of another page to go to
	raw      []byte      // instead of a template
	header   http.Header // of raw
	err      error
	back     tab // of err: the page of the form, if it is known
}

// made is an answer as it goes to the client.
type made struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// make makes an answer out, so that a slow client holds up nobody.
func (c *Console) make(p page, r *http.Request) *made {
	a := p(c, r)
	m := &made{status: a.status, header: a.header}
	switch {
	case a.err != nil:
		c.failure(m, r, a)
	case a.location != "":
		m.status, m.header = http.StatusSeeOther, http.Header{"Location": {a.location}}
	case a.raw != nil:
		m.body.Write(a.raw)
	default:
		m.execute(a.template, a.data)
	}
	return m
}

func (m *made) execute(template string, data any) {
	if err := templates.ExecuteTemplate(&m.body, template, data); err != nil {
		m.body.Reset()
		m.status = http.StatusInternalServerError
		fmt.Fprintf(&m.body, "page %s: %v", template, err)
		m.header = http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	}
}

// sendWithin is how long a client may take to read a page.
const sendWithin = 30 * time.Second

func (m *made) send(w http.ResponseWriter, r *http.Request) {
	for name, values := range m.header {
		w.Header()[name] = values
	}
	if m.status == 0 {
		m.status = http.StatusOK
	}
	boundSending(w)
	w.WriteHeader(m.status)
	if r.Method != http.MethodHead {
		w.Write(m.body.Bytes())
	}
}

// boundSending begins the time that a client has to read what it is sent.
func boundSending(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendWithin)) // not supported in process
}

// fail answers with a page that says why.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	m := new(made)
	c.failure(m, r, answer{status: status, err: err})
	m.send(w, r)
}

// failure is a page that says why there is no other.
func (c *Console) failure(m *made, r *http.Request, a answer) {
	m.status = a.status
	if m.status == 0 {
		m.status = statusOf(a.err)
	}
	m.execute("failure", failureData{frame: c.frame(r, "Not possible", ""), Why: clip(a.err.Error(), longestWhy), Status: m.status, Back: a.back})
}

// statusOf returns the status that says what an error does.
func statusOf(err error) int {
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return refused.status
	case errors.Is(err, ErrNoStream):
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// longestWhy is how much is shown of an error, which may tell back what it refuses.
const longestWhy = 2000

type failureData struct {
	frame
	Why    string
	Status int
	Back   tab
}
