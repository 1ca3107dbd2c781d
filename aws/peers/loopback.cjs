// Loaded into the peers before their own code: they listen on every interface,
// and here on loopback only.
const net = require('net')
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  const callbacks = rest.filter(arg => typeof arg === 'function')
  return listen.call(this, typeof port === 'number' ? { port, host: '127.0.0.1' } : port, ...callbacks)
}
