package trigger

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/weirstream/weir/eventsource"
)

// none says that what is given up is to be dropped, though the settings have a
// destination.
const none = "none"

// Destination returns where failure documents go: to a file or a URL, in the
// form "queue" or "bucket". Without a place they are dropped, unless the
// settings name a destination of the service: that is an error, because it is
// not known here where that is.
func Destination(place, form string, s eventsource.Settings) (eventsource.Destination, error) {
	as := eventsource.QueueForm
	if form == "bucket" {
		as = eventsource.BucketForm
	}
	named := s.DestinationConfig.OnFailure.Destination
	switch {
	case place == "" && named != "":
		return nil, fmt.Errorf("the settings name the destination %s, which is the service's: name a file or a URL, or %s to drop what is given up", named, none)
	case place == "" || place == none:
		return nil, nil
	case strings.Contains(place, "://"):
		if err := CheckURL(place); err != nil {
			return nil, err
		}
		return eventsource.ToHTTP(place, NewClient(), as), nil
	}
	f, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE, 0o644)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, err
	}
	return eventsource.ToFile(place, as), nil
}

// GroupName returns the name of a group that has none: the stream's and the
// function's.
func GroupName(stream string, s eventsource.Settings) string {
	name := s.FunctionName
	if arn := strings.SplitN(name, ":function:", 2); len(arn) == 2 {
		name = arn[1]
	}
	return stream + "-" + strings.ReplaceAll(cmp.Or(name, "function"), ":", "-")
}

// Consumer returns the name of the registered consumer whose ARN is the source
// of the settings; nothing if that is a stream's.
func Consumer(s eventsource.Settings) string {
	_, registered, _ := strings.Cut(s.EventSourceArn, "/consumer/")
	name, _, _ := strings.Cut(registered, ":")
	return name
}
