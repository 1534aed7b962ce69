-- wrk's side of a scenario: `wrk ... -s load.lua URL -- KIND ORDER_FILE`. KIND is "get", "echo"
-- (posts the order), "pipeline" (16 requests a write) or "close" (a new connection for each).
-- The request is made once, so no Lua runs later.
local pipelined = 16

function init(arguments)
  local kind, order_file = arguments[1], arguments[2]
  if kind == "echo" then
    local file = assert(io.open(order_file, "rb"))
    wrk.method = "POST"
    wrk.body = file:read("*a"):gsub("%s+$", "")
    wrk.headers["Content-Type"] = "application/json"
    file:close()
  elseif kind == "close" then
    wrk.headers["Connection"] = "close"
  elseif kind == "pipeline" then
    -- What this returns after `init` is what wrk sends.
    local requests = wrk.format():rep(pipelined)
    wrk.format = function() return requests end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
