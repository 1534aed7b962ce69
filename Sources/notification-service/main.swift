import Notifications

await NotificationApplication.main()
