package kinesisserver

import (
	"log/slog"
	"net/http"
	"time"
)

// logCall logs a request that was answered: never what it carried or was signed
// with.
func (s *Server) logCall(c *call, r *http.Request, took time.Duration) {
	if s.config.Log == nil {
		return
	}
	level := slog.LevelInfo
	if c.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	name := ""
	if c.op != nil {
		name = c.op.name
	}
	attrs := []slog.Attr{
		slog.String("request", c.id),
		slog.String("operation", name),
		slog.Int("status", c.status),
		slog.String("remote", r.RemoteAddr),
		slog.String("proto", r.Proto),
		slog.Int("received", len(c.body)),
		slog.Int64("sent", c.written),
		slog.Duration("took", took),
	}
	if c.code != "" {
		attrs = append(attrs, slog.String("code", c.code))
	}
	if c.accessID != "" {
		attrs = append(attrs, slog.String("access_key", c.accessID))
	}
	if c.scope != (scope{}) {
		attrs = append(attrs, slog.String("account", c.scope.account), slog.String("region", c.scope.region))
	}
	s.config.Log.LogAttrs(r.Context(), level, "request", attrs...)
}
