import CoreHTTP
import Logging
package import Postgres
package import ServiceKit
import SharedKernel

/// The notification service: tells people what the other services' events mean for them.
package struct NotificationApplication: ShopService {
  package static let identity = ServiceIdentity(
    name: "notification-service", short: "notification", schema: "notification", port: 8085)
  package static let migrations = notificationMigrations
  package static let openAPI = PackageResources.openapi_yaml

  private let context: ServiceContext
  /// nil without SMTP_URL: notices then go into the log and the lists only.
  private let mailer: Mailer?
  private let contacts: ContactClient

  package init(_ context: ServiceContext) throws {
    self.context = context
    mailer = try Mailer(settings: context.settings, group: context.group)
    contacts = ContactClient(
      users: context.upstream("user-service"), orders: context.upstream("order-service"))
  }

  package func addRoutes(to routes: inout Routes) {
    NotificationRoutes(
      service: NotificationService(store: NotificationRepository(runner: context.database))
    ).add(to: &routes)
  }

  package var workers: [Worker] {
    let context = context
    let consumers = NoticeConsumers(
      channels: mailer == nil ? [.log] : [.log, .email],
      consumer: { context.consumer(of: $0, types: $1, $2) })
    let delivery = Delivery(
      queue: NotificationRepository(runner: context.database),
      sender: ChannelSender(contacts: contacts, mailer: mailer, logger: context.logger))
    return consumers.workers + [Worker("delivery") { try await delivery.run() }]
  }

  package var invariants: [Invariant] { notificationInvariants }
}

/// I9 of the contract, in this schema. (That there is at most one is a constraint of the table.)
private let notificationInvariants = [
  Invariant(
    "I9", "no event that people should be told of was put aside",
    violations: """
      SELECT format('%s at %s: %s', source, position, error) FROM dead_letters
      ORDER BY source, position
      """)
]

extension ChannelSender {
  init(contacts: any ContactBook, mailer: Mailer?, logger: Logger) {
    self.init(
      contacts: contacts,
      sendMail: mailer.map { mailer in { @Sendable mail in try await mailer.deliver(mail) } },
      writeLog: { notification, text in
        logger.info(
          "notice",
          metadata: [
            "type": "\(notification.type)", "subject": "\(text.subject)",
            "notificationId": "\(notification.id)", "for": "\(notification.recipient.text)",
          ])
      })
  }
}

extension Mailer {
  fileprivate func deliver(_ mail: NoticeMail) async throws {
    do {
      try await send(
        Mail(
          to: mail.to.email, name: mail.to.name, subject: mail.subject, text: mail.text,
          key: mail.key, writtenAt: mail.writtenAt))
    } catch let error as Failure where !error.isTemporary {
      throw Undeliverable(reason: "\(error)")
    }
  }
}
