package console

import (
	"crypto/rand"
	"embed"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/weirstream/weir"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"count": func(n any) string { return countText(numberIn(n)) }, "bytes": func(n any) string { return bytesText(numberIn(n)) },
	"span": spanText, "percent": percentText, "when": whenText, "rate": rateText, "amount": amountText, "part": partText, "known": knownText, "firstOf": firstOf,
	"number": func(n any, one, other string) string { return number(int64(numberIn(n)), one, other) }, "age": ageText, "day": dayText, "date": dateText, "clock": clockText, "plural": plural,
}).ParseFS(pageFiles, "pages/*.html"))

// assets are the files that pages load, and their types.
var assets = map[string]string{
	"style.css": "text/css; charset=utf-8", "live.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
}

// serveAsset answers with a file, if that is what is asked for.
func serveAsset(w http.ResponseWriter, r *http.Request, name string) bool {
	kind, ok := assets[name]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		return false
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	boundSending(w)
	w.Write(body)
	return true
}

// A frame is what all pages show around what is theirs.
type frame struct {
	Title    string
	Page     string // its name, for the navigation
	Stream   Stream // of pages of one
	ReadOnly bool
	Create   bool // streams can be created and deleted
	Live     bool // the page is to be followed
	Token    string
	Said     *note
}

func (c *Console) frame(r *http.Request, title, page string) frame {
	return frame{
		Title: title, Page: page, ReadOnly: c.config.ReadOnly, Create: c.config.Source.Can() && !c.config.ReadOnly,
		Token: c.token, Said: c.said.take(r.URL.Query().Get("said")), // not FormValue: a refusal reads no form
	}
}

// streamFrame finds the stream that a request names, and returns the frame of a
// page of it. The Engine may be nil.
func (c *Console) streamFrame(r *http.Request, page string) (frame, error) {
	s, err := c.config.Source.Stream(r.Context(), r.FormValue("at"), r.FormValue("name"))
	if err != nil {
		return frame{}, err
	}
	f := c.frame(r, s.Name, page)
	f.Stream, f.Live = s, true
	return f, nil
}

// engineFrame is streamFrame for pages that make no sense without the engine's
// stream.
func (c *Console) engineFrame(r *http.Request, page string) (frame, *weir.Stream, error) {
	f, err := c.streamFrame(r, page)
	if err == nil && f.Stream.Engine == nil {
		err = errNotYet
	}
	return f, f.Stream.Engine, err
}

// Link returns the address of a page of the frame's stream, with further
// parameters in pairs.
func (f frame) Link(page string, more ...string) string {
	return link(page, f.Stream, more...)
}

func link(page string, s Stream, more ...string) string {
	q := url.Values{}
	if s.Name != "" {
		q.Set("name", s.Name)
	}
	if s.At != "" {
		q.Set("at", s.At)
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	return page + "?" + q.Encode()
}

// Tabs are the pages of a stream.
func (f frame) Tabs() []tab {
	list := []tab{{"stream", "Overview"}, {"shards", "Shards"}, {"readers", "Readers"}, {"records", "Records"}, {"keys", "Hot keys"}, {"settings", "Settings"}}
	if f.Stream.Engine == nil {
		return list[:1]
	}
	return list
}

type tab struct{ Page, Title string }

// WindowTitle names the page among those of the stream.
func (f frame) WindowTitle() string {
	for _, t := range f.Tabs()[1:] {
		if t.Page == f.Page && f.Title == f.Stream.Name {
			return t.Title + " of " + f.Stream.Name
		}
	}
	return f.Title
}

// A note is what is said once about a change that was made.
type note struct {
	Text, Command string
}

// notes are those that were not read yet: the last ones only. The zero value is
// none.
type notes struct {
	mu    sync.Mutex
	ids   []string
	texts []note
}

const mostNotes = 32

// add keeps a note until it is taken, and returns by what.
func (n *notes) add(said note) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.ids) == mostNotes {
		n.ids, n.texts = slices.Delete(n.ids, 0, 1), slices.Delete(n.texts, 0, 1)
	}
	id := rand.Text()
	n.ids, n.texts = append(n.ids, id), append(n.texts, said)
	return id
}

// take returns a note. It stays for those who load the page again.
func (n *notes) take(id string) *note {
	if id == "" {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := slices.Index(n.ids, id); i >= 0 {
		return &n.texts[i]
	}
	return nil
}

// firstOf names the first shards of a list.
func firstOf(shards []weir.ShardID) string {
	const most = 4
	var names []string
	for _, id := range shards[:min(len(shards), most)] {
		names = append(names, id.String())
	}
	if n := len(shards) - most; n > 0 {
		names = append(names, "and "+countText(n)+" more")
	}
	return strings.Join(names, ", ")
}

// numberIn returns a number of any of the types that pages show.
func numberIn(n any) float64 {
	switch n := n.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return math.NaN() // seen at once by whoever writes the page
}
